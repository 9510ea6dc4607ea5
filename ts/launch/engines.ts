import { didYouMean, ExitCode, VisslError } from '../errors.ts'
import { listenToApp } from '../logging/app-channel.ts'
import { ConsoleLog, type Output } from '../logging/index.ts'
import { Stopped } from '../train/trainer.ts'
import { checkParts } from './check-parts.ts'
import { runExtraction } from './extract.ts'
import { fitMachine } from './machine.ts'
import { runTraining, type TrainingRequest } from './run.ts'
import { joinWorld, startRanks } from './start-ranks.ts'
import { partOf } from './world.ts'

const engines: Readonly<Record<string, (request: TrainingRequest) => Promise<ExitCode>>> = {
  train: runTraining,
  extract_features: runExtraction,
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
  if (part.kind !== 'starter') await listenToApp(stopRun)
  if (part.kind === 'alone') return engine({ ...request, config })
  if (part.kind === 'starter') return startRanks(part, config, process.env, say)
  const leave = joinWorld(part.place, process.env)
  try {
    return await engine({ ...request, config, output: part.place.rank === 0 ? request.output : silence })
  } catch (error) {
    if (part.place.rank > 0 && isCommon(error)) return error.exitCode
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
