import { ExitCode, VisslError } from '../errors.ts'
import type { Rendezvous } from './c10d-group.ts'

/** The place of this process among all, as its starter says in environment variables. */
export interface RankEnvironment {
  readonly rank: number
  readonly localRank: number
  readonly worldSize: number
  readonly rendezvous: Rendezvous
}

type Environment = Readonly<Record<string, string | undefined>>

/**
 * Reads torchrun's variables (`RANK`, `LOCAL_RANK`, `WORLD_SIZE`, `MASTER_ADDR`, `MASTER_PORT`), which this program
 * sets for its own processes too. Undefined when no `RANK` is set: then this process is the one that starts others.
 *
 * @throws VisslError (usage) for a set that is incomplete or contradicts itself
 */
export function rankEnvironment(env: Environment): RankEnvironment | undefined {
  if (env.RANK === undefined) return undefined
  const rank = wholeNumber(env, 'RANK')
  const worldSize = wholeNumber(env, 'WORLD_SIZE')
  const localRank = env.LOCAL_RANK === undefined ? rank : wholeNumber(env, 'LOCAL_RANK')
  if (rank >= worldSize) {
    throw new VisslError(
      ExitCode.usage,
      `RANK is ${rank} and WORLD_SIZE is ${worldSize}: ranks count from 0`,
      'unset RANK, or start all processes with torchrun or srun',
    )
  }
  const file = env.VISSL_RENDEZVOUS_FILE
  const rendezvous: Rendezvous =
    file !== undefined
      ? { kind: 'file', path: file }
      : {
          kind: 'tcp',
          host: env.MASTER_ADDR ?? '127.0.0.1',
          port: env.MASTER_PORT === undefined ? 29500 : wholeNumber(env, 'MASTER_PORT', 65535),
        }
  return { rank, localRank, worldSize, rendezvous }
}

/**
 * SLURM's variables of a task that `srun` started, one task a node: which node this is, and how many there are.
 * Undefined outside of SLURM.
 */
export function slurmNode(env: Environment): { readonly nodeId: number; readonly jobId: string } | undefined {
  if (env.SLURM_STEP_NODELIST === undefined || env.SLURM_NODEID === undefined) return undefined
  return { nodeId: wholeNumber(env, 'SLURM_NODEID'), jobId: env.SLURM_JOBID ?? '' }
}

function wholeNumber(env: Environment, name: string, largest = 1_000_000): number {
  const text = env[name]
  const value = Number(text)
  if (text === undefined || !/^\d+$/.test(text) || value > largest) {
    throw new VisslError(
      ExitCode.usage,
      `the environment variable ${name} is ${text === undefined ? 'not set' : JSON.stringify(text)}, and RANK is set`,
      `give ${name} a whole number, or unset RANK to let vissl start its processes`,
    )
  }
  return value
}
