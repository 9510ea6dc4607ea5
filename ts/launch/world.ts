import { createServer } from 'node:net'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Config } from '../config/index.ts'
import { type RankEnvironment, rankEnvironment, slurmNode } from '../distributed/index.ts'
import { ExitCode, VisslError } from '../errors.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** What this process is in a run: one of its ranks, the starter of a machine's ranks, or all of the run by itself. */
export type Part =
  | { readonly kind: 'alone' }
  | { readonly kind: 'rank'; readonly place: RankEnvironment }
  | { readonly kind: 'starter'; readonly nodeId: number; readonly count: number; readonly worldSize: number }

/**
 * Decides by `DISTRIBUTED` and the environment. `RANK` set (by torchrun, by hand, or by a starter): this is a rank.
 *
 * @param nodeId which machine this is, where SLURM does not say
 * @throws VisslError (usage) when the environment contradicts the configuration
 */
export function partOf(config: Config, nodeId: number, env: Environment): Part {
  const { NUM_NODES: nodes, NUM_PROC_PER_NODE: count } = config.DISTRIBUTED
  const worldSize = nodes * count
  const place = rankEnvironment(env)
  if (place !== undefined) {
    if (place.worldSize !== worldSize) {
      throw new VisslError(
        ExitCode.usage,
        `WORLD_SIZE is ${place.worldSize}, and config.DISTRIBUTED asks for ${nodes} × ${count} processes`,
        `set config.DISTRIBUTED.NUM_NODES and NUM_PROC_PER_NODE so that their product is ${place.worldSize}`,
      )
    }
    return { kind: 'rank', place }
  }
  if (worldSize === 1) return { kind: 'alone' }
  return { kind: 'starter', nodeId: slurmNode(env)?.nodeId ?? nodeId, count, worldSize }
}

/**
 * The variables that let a machine's ranks find all others, by `INIT_METHOD` and `RUN_ID`:
 * `tcp` with `auto` takes a free port of this machine, `tcp` with `host:port` that one; `file` a path, or a fresh one
 * for `auto`; `env` what `MASTER_ADDR` and `MASTER_PORT` say.
 *
 * @throws VisslError (usage) for a combination that several machines cannot use
 */
export async function rendezvousVariables(config: Config, env: Environment): Promise<Record<string, string>> {
  const { INIT_METHOD: method, NUM_NODES: nodes } = config.DISTRIBUTED
  const id = String(config.DISTRIBUTED.RUN_ID)
  if (method === 'env') {
    return { MASTER_ADDR: env.MASTER_ADDR ?? '127.0.0.1', MASTER_PORT: env.MASTER_PORT ?? '29500' }
  }
  if (method === 'file') {
    const path = id === '' || id === 'auto' ? join(tmpdir(), `vissl-${process.pid}-${Date.now()}`) : id
    if (nodes > 1 && (id === '' || id === 'auto')) {
      throw new VisslError(
        ExitCode.usage,
        `config.DISTRIBUTED.INIT_METHOD is "file" with RUN_ID "${id}", and ${nodes} machines must use the same file`,
        'set config.DISTRIBUTED.RUN_ID to a path on a disk that all machines share',
      )
    }
    return { VISSL_RENDEZVOUS_FILE: path }
  }
  if (nodes === 1 && id === 'auto') return { MASTER_ADDR: '127.0.0.1', MASTER_PORT: String(await freePort()) }
  const match = /^(?<host>[^:\s]+):(?<port>\d{1,5})$/.exec(id)
  if (match?.groups === undefined) {
    if (nodes === 1) return { MASTER_ADDR: '127.0.0.1', MASTER_PORT: String(await freePort()) }
    throw new VisslError(
      ExitCode.usage,
      `config.DISTRIBUTED.RUN_ID is "${id}", and ${nodes} machines need to know where to meet`,
      `set config.DISTRIBUTED.RUN_ID=HOST:PORT with the first machine's name, as in ${hostname()}:40051`,
    )
  }
  return { MASTER_ADDR: match.groups.host!, MASTER_PORT: match.groups.port! }
}

/** A port of this machine that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((done, fail) => server.once('error', fail).listen(0, '127.0.0.1', done))
  const { port } = server.address() as { port: number }
  await new Promise((done) => server.close(done))
  return port
}
