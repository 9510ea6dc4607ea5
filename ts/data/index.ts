export { type BatchTensors, TrainingBatch } from './batch.ts'
export {
  type CatalogOptions,
  type CatalogPath,
  type CatalogRecord,
  DatasetCatalog,
  type DatasetEntry,
  datasetCatalog,
  type SplitPaths,
} from './catalog.ts'
export { type EntryState, registerInFile, stateOf } from './catalog-file.ts'
export { type CheckReport, checkData } from './check.ts'
export { collators, type DataSplit, dataSources, type SplitName } from './dataset.ts'
export { fetchFile, isAddress } from './download.ts'
export { describeEpoch, type EpochTimes } from './epoch-times.ts'
export {
  type FashionMnist,
  type FetchOptions,
  fashionMnistClasses,
  fetchFashionMnist,
} from './fashion-mnist.ts'
export { fetchedDatasets } from './fetched.ts'
export { createLoader, Loader, type LoaderOptions } from './loader.ts'
export type { SampleOrder } from './loader-spec.ts'
export {
  type LoaderPart,
  type LoaderSpan,
  type LoaderTrace,
  startLoaderTrace,
  stopLoaderTrace,
} from './loader-trace.ts'
export {
  copyTensor,
  type DataInfo,
  type DataStats,
  type FailedImage,
  type JpegDecoder,
  jpegDecoder,
  type NativeTensor,
  releaseTensor,
  type SkippedFile,
} from './native.ts'
export { type PreviewOptions, previewSheet } from './preview.ts'
export {
  type CollatedTensors,
  type CollatorKind,
  type CollatorTensors,
  registerCollator,
  scriptCollators,
} from './scripts/collator.ts'
export { acceptOwnModules } from './scripts/own-modules.ts'
export { permutation } from './scripts/random.ts'
export { registerSampler, type SamplerContext, type SamplerKind, samplers } from './scripts/sampler.ts'
export {
  type RegisteredSource,
  registerSource,
  type ScriptSource,
  type SourceFactory,
  scriptSources,
} from './scripts/source.ts'
export {
  type Picture,
  type RegisteredTransform,
  registerTransform,
  type ScriptModule,
  type TensorValue,
  type TransformFactory,
  type TransformFunction,
  type TransformParams,
  type TransformRandom,
  type TransformValue,
  transforms,
} from './scripts/transform.ts'
export { guessSource } from './sources/guess.ts'
export { kinds } from './sources/kinds.ts'
export { stageData } from './sources/staging.ts'
export { userCache } from './user-cache.ts'
