export {
  type AutocastDevice,
  type AutocastState,
  autocast,
  autocastState,
  slowAutocast,
  withAutocast,
  withoutAutocast,
} from './autocast.ts'
export { enableGrad, grad, isGradEnabled, noGrad } from './autograd.ts'
export { Collectives, type NativeStore, openFileStore, openTcpStore } from './collectives.ts'
export * from './errors.ts'
export { internal, ops } from './ops.ts'
export { Parameter, TensorBuffer } from './parameter.ts'
export type { Device, DType, Layout, MemoryFormat } from './protocol.ts'
export { dtypeBytes } from './protocol.ts'
export { type RecomputeOptions, recompute } from './recompute.ts'
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
export type {
  BackwardOptions,
  ElementArray,
  NativeMemory,
  Nested,
  NestedInput,
  TensorOptions,
  ToOptions,
} from './tensor.ts'
export { float, fromBytes, fromMemory, Generator, int, Tensor, TypedNumber, tensor } from './tensor.ts'
