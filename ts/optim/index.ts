export { GradientAccumulation } from './accumulation.ts'
export {
  type BlockNetwork,
  checkpointActivations,
  type Segment,
  splitIntoSegments,
} from './activation-checkpointing.ts'
export { Adam, AdamW } from './adam.ts'
export { type AnyOptimizer, buildOptimizer, type OptimizerConfig } from './build.ts'
export { type ClipNormOptions, clipGradNorm, clipGradValue } from './clip.ts'
export { GradScaler, type GradScalerState, gradScalerParams, type ScaledOptimizer } from './grad-scaler.ts'
export { Larc, larcParams } from './larc.ts'
export { LearningRates, type ScheduledGroup } from './learning-rates.ts'
export {
  Optimizer,
  type OptimizerState,
  type ParameterState,
  type ParamGroup,
  type ParamGroupInput,
} from './optimizer.ts'
export { paramGroupParams, paramGroups } from './param-groups.ts'
export { type OptimizerClass, optimizers } from './registry.ts'
export { RmsProp } from './rmsprop.ts'
export * from './schedules/index.ts'
export { Sgd } from './sgd.ts'
