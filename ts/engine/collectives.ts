import { checked, native, tensorAddon } from './native.ts'
import { Tensor } from './tensor.ts'

/** Keys and values that all processes of a run see. */
export interface NativeStore {
  set(key: string, value: Uint8Array): void
  /** Waits until some process has set the key. */
  get(key: string): Uint8Array
}

/** A Gloo group of torch.distributed's C++ layer. */
interface NativeGroup {
  gather(engine: unknown, handle: number): number
  allReduce(engine: unknown, handle: number, reduction: number): number
  broadcast(engine: unknown, handle: number, root: number): number
  barrier(engine: unknown): number
}

interface NativeReducer {
  prepare(engine: unknown): number
}

interface CommAddon {
  readonly Store: {
    tcp(host: string, port: number, isServer: boolean, size: number, timeout: number): NativeStore
    file(path: string, size: number, timeout: number): NativeStore
  }
  readonly ProcessGroup: new (
    store: NativeStore,
    name: string,
    rank: number,
    size: number,
    address: string,
    timeout: number,
  ) => NativeGroup
  readonly Reducer: new (
    group: NativeGroup,
    engine: unknown,
    parameters: number[],
    firstBucket: number,
    bucket: number,
  ) => NativeReducer
}

const comm = (): CommAddon => tensorAddon() as unknown as CommAddon

/** One process serves the keys at `host:port`, the others connect to it. @param timeout milliseconds */
export function openTcpStore(
  host: string,
  port: number,
  isServer: boolean,
  size: number,
  timeout: number,
): NativeStore {
  return comm().Store.tcp(host, port, isServer, size, timeout)
}

/** A file that all processes can lock and write, not one of an earlier run. @param timeout milliseconds */
export function openFileStore(path: string, size: number, timeout: number): NativeStore {
  return comm().Store.file(path, size, timeout)
}

/** What becomes of the values of all processes, in the order of the native side. */
const reductions = ['sum', 'mean', 'max', 'min'] as const

/** Collectives over a group; every call waits for the other processes. */
export class Collectives {
  readonly #group: NativeGroup

  /**
   * Joins a group.
   *
   * @param name the same in all processes of the group, and no other group's
   * @param address this machine's address; empty for the default one
   * @param timeout milliseconds that any call waits at most
   */
  constructor(
    store: NativeStore,
    name: string,
    rank: number,
    size: number,
    address: string,
    timeout: number,
  ) {
    this.#group = new (comm().ProcessGroup)(store, name, rank, size, address, timeout)
  }

  gather(tensor: Tensor): Tensor {
    return new Tensor(checked(this.#group.gather(native(), tensor.handle), 'gather'))
  }

  allReduce(tensor: Tensor, reduction: (typeof reductions)[number]): void {
    checked(this.#group.allReduce(native(), tensor.handle, reductions.indexOf(reduction)), 'allReduce')
  }

  broadcast(tensor: Tensor, root: number): void {
    checked(this.#group.broadcast(native(), tensor.handle, root), 'broadcast')
  }

  barrier(): void {
    checked(this.#group.barrier(native()), 'barrier')
  }

  /**
   * A reducer that averages the gradients of these parameters over the group during the backward pass.
   *
   * @returns a function to be called before each backward pass whose gradients are to be averaged
   */
  reducer(parameters: readonly Tensor[], firstBucket: number, bucket: number): () => void {
    const handles = parameters.map((parameter) => parameter.handle)
    const reducer = new (comm().Reducer)(this.#group, native(), handles, firstBucket, bucket)
    return () => void checked(reducer.prepare(native()), 'reducer')
  }
}
