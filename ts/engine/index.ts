export {
  type AutocastDevice,
  type AutocastState,
  autocast,
  autocastState,
  slowAutocast,
  withAutocast,
  withoutAutocast,
} from './autocast.ts'
export {
  enableGrad,
  grad,
  gradientsOf,
  isGradEnabled,
  noGrad,
  type ParameterGradient,
} from './autograd.ts'
export { Collectives, type NativeStore, openFileStore, openTcpStore } from './collectives.ts'
export {
  fromBytes,
  fromMemory,
  type NativeMemory,
  type NestedInput,
  type TensorOptions,
  tensor,
} from './create.ts'
export * from './errors.ts'
export { requireHost } from './host.ts'
export { clusterSums, nearestCentroids } from './kernels.ts'
export { libtorchRecord } from './libtorch.ts'
export { internal, ops } from './ops.ts'
export { Parameter, TensorBuffer } from './parameter.ts'
export { type OperatorProfile, type OperatorSpan, startProfile, stopProfile } from './profile.ts'
export type { Device, DType, Layout, MemoryFormat } from './protocol.ts'
export { dtypeBytes } from './protocol.ts'
export { isRecomputing, type RecomputeOptions, recompute } from './recompute.ts'
export {
  computeThreads,
  cudaDeviceCount,
  libtorchVersion,
  manualSeed,
  reportMemory,
  rngState,
  setRngState,
  stats,
} from './runtime.ts'
export { inScope, scope } from './scope.ts'
export type { BackwardOptions, ElementArray, Nested, ToOptions } from './tensor.ts'
export { float, Generator, int, Tensor, TypedNumber } from './tensor.ts'
