export { type BatchTensors, TrainingBatch } from './batch.ts'
export { collators, type DataSplit, dataSources, type SplitName } from './dataset.ts'
export {
  type FashionMnist,
  type FetchOptions,
  fashionMnistClasses,
  fetchFashionMnist,
  userCache,
} from './fashion-mnist.ts'
export { createLoader, Loader, type LoaderOptions } from './loader.ts'
export {
  copyTensor,
  type DataInfo,
  type DataStats,
  type FailedImage,
  type NativeTensor,
  releaseTensor,
  type SkippedFile,
} from './native.ts'
