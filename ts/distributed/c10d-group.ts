import { Collectives, type NativeStore, openFileStore, openTcpStore, type Tensor } from '../engine/index.ts'
import { ExitCode, VisslError } from '../errors.ts'
import { alone, type ProcessGroup, type Reduction } from './process-group.ts'

/** Where the processes of a run find each other. */
export type Rendezvous =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'file'; readonly path: string }

/** How to join a run. */
export interface JoinOptions {
  readonly rendezvous: Rendezvous
  readonly rank: number
  readonly size: number
  /** This machine's address as the others reach it; empty for what its host name says. */
  readonly address: string
  /** Milliseconds that a call waits for the other processes. */
  readonly timeout: number
}

const FIRST_BUCKET = 1024 * 1024

/** A group on torch.distributed's C++ layer with Gloo. */
class C10dGroup implements ProcessGroup {
  readonly rank: number
  readonly size: number
  readonly #options: JoinOptions
  readonly #store: NativeStore
  readonly #collectives: Collectives
  readonly #name: string
  #splits = 0

  constructor(store: NativeStore, name: string, rank: number, size: number, options: JoinOptions) {
    this.rank = rank
    this.size = size
    this.#store = store
    this.#name = name
    this.#options = options
    this.#collectives = new Collectives(store, name, rank, size, options.address, options.timeout)
  }

  gather(tensor: Tensor): Tensor {
    return explained(() => this.#collectives.gather(tensor))
  }

  allReduce(tensor: Tensor, reduction: Reduction): void {
    explained(() => this.#collectives.allReduce(tensor, reduction))
  }

  broadcast(tensor: Tensor, root: number): void {
    explained(() => this.#collectives.broadcast(tensor, root))
  }

  barrier(): void {
    explained(() => this.#collectives.barrier())
  }

  averageGradients(parameters: readonly Tensor[], bucketMiB: number): () => void {
    return this.#collectives.reducer(parameters, FIRST_BUCKET, Math.round(bucketMiB * 1024 * 1024))
  }

  split(ranks: readonly (readonly number[])[]): ProcessGroup {
    const split = this.#splits++
    const own = ranks.findIndex((list) => list.includes(this.rank))
    const list = ranks[own]
    if (list === undefined || ranks.flat().length !== this.size || new Set(ranks.flat()).size !== this.size) {
      throw new VisslError(
        ExitCode.internal,
        `every one of ${this.size} ranks must be in one group, got ${JSON.stringify(ranks)}`,
      )
    }
    if (list.length === 1) return alone
    const name = `${this.#name}/${split}.${own}`
    return new C10dGroup(this.#store, name, list.indexOf(this.rank), list.length, this.#options)
  }
}

/** What Gloo and the store say when another process ends, hangs or is cut off, each in its own words. */
const GONE =
  /(?:Connection|Read error|Write error|Timed out|(?:Application|Socket|wait) timeout|No route to host|Host is unreachable|Network is unreachable|Broken pipe)[^\n]*/i

/** Says what Gloo means when a connection ends. @throws VisslError (environment) for a process that is gone or late */
function explained<T>(call: () => T): T {
  try {
    return call()
  } catch (error) {
    const reason = GONE.exec((error as Error).message)?.[0]
    if (reason === undefined) throw error
    throw new VisslError(
      ExitCode.environment,
      `another process of the run is gone or does not answer: ${reason.split('. This is')[0]}`,
      'look at what the other processes reported; go on with --resume',
      { cause: error },
    )
  }
}

/**
 * Joins the processes of a run; returns when all of them are there.
 *
 * @throws VisslError (usage) when the others do not come in time, or the place cannot be used
 */
export function joinGroup(options: JoinOptions): ProcessGroup {
  const { rendezvous: place, rank, size, timeout } = options
  const shown = place.kind === 'tcp' ? `tcp://${place.host}:${place.port}` : `file://${place.path}`
  try {
    const store =
      place.kind === 'tcp'
        ? openTcpStore(place.host, place.port, rank === 0, size, timeout)
        : openFileStore(place.path, size, timeout)
    return new C10dGroup(store, 'world', rank, size, options)
  } catch (error) {
    throw new VisslError(
      ExitCode.usage,
      `rank ${rank} of ${size} cannot join the others at ${shown}: ${(error as Error).message.split('\n')[0]}`,
      'check that all processes were started with the same world size and address, and that the port is free and reachable',
      { cause: error },
    )
  }
}
