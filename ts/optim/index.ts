export { GradientAccumulation } from './accumulation.ts'
export {
  type BlockNetwork,
  checkpointActivations,
  type Segment,
  splitIntoSegments,
} from './activation-checkpointing.ts'
export { Adadelta } from './adadelta.ts'
export { Adagrad } from './adagrad.ts'
export { Adam, AdamW } from './adam.ts'
export { Adamax } from './adamax.ts'
export { buildOptimizer, type OptimizerConfig } from './build.ts'
export { type ClipNormOptions, clipGradNorm, clipGradValue } from './clip.ts'
export { WeightAverage, type WeightAverageOptions } from './ema.ts'
export { GradScaler, type GradScalerState, gradScalerParams, type ScaledOptimizer } from './grad-scaler.ts'
export { Larc } from './larc.ts'
export { Lars } from './lars.ts'
export { LearningRates, type ScheduledGroup } from './learning-rates.ts'
export type { ParameterState } from './memory.ts'
export { NAdam } from './nadam.ts'
export {
  type AnyOptimizer,
  Optimizer,
  type OptimizerState,
  type ParamGroup,
  type ParamGroupInput,
} from './optimizer.ts'
export { paramGroups } from './param-groups.ts'
export { RAdam } from './radam.ts'
export { type OptimizerClass, optimizers } from './registry.ts'
export { RmsProp, RmsPropTf } from './rmsprop.ts'
export * from './schedules/index.ts'
export { Sgd } from './sgd.ts'
export { Zero } from './zero.ts'
