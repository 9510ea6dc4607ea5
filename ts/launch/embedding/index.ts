/** What an application uses: training in a process of its own, and models that embed images. */
export type {
  CheckpointEvent,
  EndEvent,
  KnnEvent,
  LogEvent,
  PhaseEvent,
  StartEvent,
  StepEvent,
  TrainingEvent,
} from '../../logging/training-event.ts'
export type { Transform } from './image-transforms.ts'
export { type LoadOptions, load } from './load.ts'
export type { EmbedOptions, LoadedModel } from './loaded-model.ts'
export type { TrainOptions } from './options.ts'
export { train } from './train.ts'
export type { RunResult, TrainingRun } from './training-run.ts'
