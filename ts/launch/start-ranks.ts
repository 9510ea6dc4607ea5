import { availableParallelism, networkInterfaces } from 'node:os'
import type { Config } from '../config/index.ts'
import { alone, joinGroup, type RankEnvironment, setWorldGroup } from '../distributed/index.ts'
import { ExitCode, VisslError } from '../errors.ts'
import { endWithStarter } from './heartbeat.ts'
import { type RanksRequest, superviseRanks } from './ranks.ts'
import { withRestarts } from './restarts.ts'
import { type Part, rendezvousVariables } from './world.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** Milliseconds that a collective, and the start of a run, wait for the other processes. */
const patienceOf = (config: Config): number => (config.DISTRIBUTED.TIMEOUT_MINUTES ?? 30) * 60_000

/** Milliseconds after which a run is ended whose processes have not noticed by themselves that they wait in vain. */
const SLACK = 10_000

/**
 * Starts this machine's ranks as processes that run the same command line, and waits for them; again after a crash,
 * as often as is allowed.
 *
 * @param restarts how often
 * @param say told what goes wrong
 */
export function startRanks(
  part: Extract<Part, { kind: 'starter' }>,
  config: Config,
  env: Environment,
  restarts: number,
  say: (message: string) => void,
): Promise<ExitCode> {
  const [, module = '', ...args] = process.argv
  return withRestarts({
    limit: restarts,
    args,
    say,
    attempt: (args, onPlace) => startOnce(part, config, env, { module, args, say, onPlace }),
  })
}

/** One life of this machine's ranks. */
async function startOnce(
  { nodeId, count, worldSize }: Extract<Part, { kind: 'starter' }>,
  config: Config,
  env: Environment,
  request: Pick<RanksRequest, 'module' | 'args' | 'say' | 'onPlace'>,
): Promise<ExitCode> {
  const variables = await rendezvousVariables(config, env)
  // Each rank would take all cores for itself.
  const threads = Math.max(1, Math.floor(availableParallelism() / count))
  if (env.OMP_NUM_THREADS === undefined && count > 1) variables.OMP_NUM_THREADS = String(threads)
  const { NCCL_DEBUG: isDebugged, NCCL_SOCKET_NTHREADS: threadsOfNccl } = config.DISTRIBUTED
  if (isDebugged) variables.NCCL_DEBUG = 'INFO'
  if (threadsOfNccl !== '') variables.NCCL_SOCKET_NTHREADS = String(threadsOfNccl)
  const stallAfter = patienceOf(config) + SLACK
  return superviseRanks({ ...request, count, nodeId, worldSize, variables, stallAfter })
}

/**
 * Joins the other processes of the run.
 *
 * @returns leaves them
 * @throws VisslError when they do not come
 */
export function joinWorld(place: RankEnvironment, config: Config, env: Environment): () => void {
  const { rendezvous, rank, worldSize: size } = place
  const isLocal =
    rendezvous.kind === 'file' || rendezvous.host.startsWith('127.') || rendezvous.host === 'localhost'
  const address = addressOf(env.GLOO_SOCKET_IFNAME) ?? (isLocal ? '127.0.0.1' : '')
  setWorldGroup(joinGroup({ rendezvous, rank, size, address, timeout: patienceOf(config) }))
  endWithStarter(() => process.kill(process.pid, 'SIGTERM'))
  return () => setWorldGroup(alone)
}

/** The address of a network interface. @throws VisslError (usage) when there is none of that name */
function addressOf(name: string | undefined): string | undefined {
  if (name === undefined || name === '') return undefined
  const interfaces = networkInterfaces()
  const found = interfaces[name]?.find(({ family }) => family === 'IPv4') ?? interfaces[name]?.[0]
  if (found !== undefined) return found.address
  throw new VisslError(
    ExitCode.usage,
    `GLOO_SOCKET_IFNAME is "${name}", and this machine has no such network interface`,
    `choose one of: ${Object.keys(interfaces).join(', ')}`,
  )
}
