import { didYouMean, ExitCode, VisslError } from '../errors.ts'
import { listenToApp } from '../logging/app-channel.ts'
import { ConsoleLog, type Output } from '../logging/index.ts'
import { Stopped } from '../train/trainer.ts'
import { checkParts } from './check-parts.ts'
import { runClusterFit } from './clusterfit.ts'
import { runExtraction } from './extract.ts'
import { fitMachine } from './machine.ts'
import { requeue } from './restarts.ts'
import { runTraining, type TrainingRequest } from './run.ts'
import { joinWorld, startRanks } from './start-ranks.ts'
import { partOf } from './world.ts'

const engines: Readonly<Record<string, (request: TrainingRequest) => Promise<ExitCode>>> = {
  train: runTraining,
  extract_features: runExtraction,
  cluster_features: runClusterFit,
}

/**
 * Runs what `engine_name` asks for: in this process, or in as many as `DISTRIBUTED` asks for, which are then started
 * here unless this is one of them.
 *
 * @throws VisslError for an unknown name, a configuration that this machine cannot run, and what the engine throws
 */
export async function runEngine(name: string, request: TrainingRequest): Promise<ExitCode> {
  const engine = engineOf(name)
  checkParts(request.config)
  const say = (message: string) => new ConsoleLog(request.output).warn(message)
  const config = fitMachine(request.config, request.fitMachine === true, say)
  const part = partOf(config, request.nodeId ?? 0, process.env)
  const { maxRestarts = 0 } = request
  if (part.kind === 'starter') return startRanks(part, config, process.env, maxRestarts, say)
  if (part.kind === 'alone' && maxRestarts > 0) {
    const alone = { kind: 'starter', nodeId: 0, count: 1, worldSize: 1 } as const
    return startRanks(alone, config, process.env, maxRestarts, say)
  }
  await listenToApp(stopRun)
  const isFirst = part.kind === 'alone' || part.place.rank === 0
  const leave = part.kind === 'rank' ? joinWorld(part.place, config, process.env) : () => {}
  try {
    return await engine({ ...request, config, output: isFirst ? request.output : silence })
  } catch (error) {
    if (isFirst && error instanceof Stopped && error.exitCode === ExitCode.preempted)
      requeue(process.env, say)
    if (!isFirst && isCommon(error)) return error.exitCode
    throw error
  } finally {
    leave()
  }
}

/** As a signal does: saves first where there is a run, and ends at once where there is none yet. */
function stopRun(): void {
  if (!process.emit('SIGTERM', 'SIGTERM')) process.exit(ExitCode.terminated)
}

/** What the first process says is enough. */
const silence: Output = { write: () => true }

/** Whether all processes end with this error together, so that one has to report it. */
function isCommon(error: unknown): error is VisslError {
  return error instanceof Stopped || (error instanceof VisslError && error.exitCode === ExitCode.nonFinite)
}

function engineOf(name: string): (request: TrainingRequest) => Promise<ExitCode> {
  const engine = Object.hasOwn(engines, name) ? engines[name] : undefined
  if (engine !== undefined) return engine
  const near = didYouMean(name, Object.keys(engines))
  throw new VisslError(
    ExitCode.usage,
    `there is no engine "${name}"${near.length > 0 ? `; did you mean ${near.join(' or ')}?` : ''}`,
    `set engine_name to ${Object.keys(engines).join(' or ')}`,
  )
}
