/** The public API: what an application, a script or a plug-in may use. */
export { z } from 'zod'
export {
  type BatchTensors,
  createLoader,
  DatasetCatalog,
  datasetCatalog,
  describeEpoch,
  type EpochTimes,
  Loader,
  type LoaderOptions,
  type Picture,
  registerSource,
  registerTransform,
  type ScriptSource,
  type SourceFactory,
  type TensorValue,
  TrainingBatch,
  type TransformFactory,
  type TransformRandom,
  type TransformValue,
} from './data/index.ts'
export {
  autocast,
  type BackwardOptions,
  computeThreads,
  cudaDeviceCount,
  type Device,
  type DType,
  type ElementArray,
  enableGrad,
  float,
  fromBytes,
  Generator,
  grad,
  inScope,
  int,
  isGradEnabled,
  isRecomputing,
  libtorchVersion,
  type MemoryFormat,
  manualSeed,
  type Nested,
  type NestedInput,
  noGrad,
  Parameter,
  recompute,
  rngState,
  scope,
  setRngState,
  startProfile,
  stats,
  stopProfile,
  Tensor,
  TensorBuffer,
  TensorFreedError,
  type TensorOptions,
  type ToOptions,
  TorchError,
  tensor,
  withoutAutocast,
} from './engine/index.ts'
export { ExitCode, VisslError } from './errors.ts'
export { type KnnOptions, type KnnResult, knnClassify, type LabelledFeatures } from './eval/knn.ts'
export {
  type EmbedOptions,
  type LoadedModel,
  type LoadOptions,
  load,
  type RunResult,
  type TrainingEvent,
  type TrainingRun,
  type TrainOptions,
  type Transform,
  train,
} from './launch/embedding/index.ts'
export {
  cosineMomentum,
  followParameters,
  kmeans,
  Loss,
  type LossClass,
  type LossContext,
  losses,
  MomentumLoss,
} from './losses/index.ts'
export { type Meter, type MeterClass, meters } from './meters/index.ts'
export {
  Head,
  heads,
  type ModelInput,
  type ModelParams,
  type ModelTrace,
  presets,
  SslModel,
  Trunk,
  traceModel,
  trunks,
} from './models/index.ts'
export * from './nn/index.ts'
export { ops } from './nn/ops.ts'
export { defineSchedule, Optimizer, optimizers, Sgd } from './optim/index.ts'
export { Registry } from './registry.ts'
export { Hook, type HookClass, type HookEvent, hooks } from './train/hook.ts'
export { Sample, type Target } from './train/sample.ts'
export type { StepState } from './train/step-state.ts'
export type { Task } from './train/task.ts'
export {
  StandardTrainStep,
  TrainStep,
  type TrainStepClass,
  trainSteps,
} from './train/train-step.ts'
