import { didYouMean, ExitCode, VisslError } from '../errors.ts'
import { runExtraction } from './extract.ts'
import { runTraining, type TrainingRequest } from './run.ts'

const engines: Readonly<Record<string, (request: TrainingRequest) => Promise<ExitCode>>> = {
  train: runTraining,
  extract_features: runExtraction,
}

/** Runs what `engine_name` asks for. @throws VisslError for an unknown name, and what the engine throws */
export function runEngine(name: string, request: TrainingRequest): Promise<ExitCode> {
  const engine = Object.hasOwn(engines, name) ? engines[name] : undefined
  if (engine !== undefined) return engine(request)
  const near = didYouMean(name, Object.keys(engines))
  throw new VisslError(
    ExitCode.usage,
    `there is no engine "${name}"${near.length > 0 ? `; did you mean ${near.join(' or ')}?` : ''}`,
    `set engine_name to ${Object.keys(engines).join(' or ')}`,
  )
}
