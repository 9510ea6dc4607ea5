import { host } from '../engine/host.ts'
import { ExitCode, VisslError } from '../errors.ts'
import type { LoaderPart } from './loader-trace.ts'

/** A tensor that its taker owns: memory at `address`, freed by calling the C function `release` with `context` once. */
export interface NativeTensor {
  name: string
  dtype: 'float32' | 'int64' | 'bool'
  shape: number[]
  /** In elements. */
  strides: number[]
  channelsLast: boolean
  bytes: number
  address: bigint
  release: bigint
  context: bigint
}

export interface NativeBatch {
  readonly index: number
  readonly size: number
  readonly names: string[]
  take(name: string): NativeTensor
  free(): void
}

export interface SkippedFile {
  path: string
  reason: string
}

/** A sample whose image could not be decoded; a gray image stands in for it and its `data_valid` is −1. */
export interface FailedImage {
  /** Index of the sample in the data set. */
  sample: number
  name: string
  reason: string
}

export interface DataInfo {
  /** Samples of the data set, after `DATA_LIMIT`, of all processes together. */
  samples: number
  /** Batches of one process. */
  batchesPerEpoch: number
  /** Entries of a sample's `data` that the transforms make: copies, crops, an image and its patches. */
  views: number
  /** In the order of the labels; empty when the source has no classes. */
  classes: string[]
  /** Without labels every label is −1. */
  labelled: boolean
  /** Files left out when the source was opened. */
  skipped: SkippedFile[]
}

export interface DataStats {
  /** Seconds for which batches were waited for since the loader was made. */
  waitSeconds: number
  /** Seconds that threads spent getting bytes, decoding, transforming and writing tensors, summed over the threads. */
  readSeconds: number
  decodeSeconds: number
  transformSeconds: number
  collateSeconds: number
  images: number
  batches: number
  /** Distinct samples that could not be decoded. */
  failures: number
  /** Images that came from the folder of decoded images, and files of that folder that were damaged. */
  cacheHits: number
  cacheDamaged: number
  /** Why nothing more is put there, when that is because of an error. */
  cacheTrouble?: string
}

/** A label that is no class. */
export interface LabelOutside {
  /** What the sample is called: its path where it has one. */
  name: string
  /** Position in `LABEL_SOURCES`. */
  source: number
  label: number
}

export interface NativeLoader {
  readonly info: DataInfo
  readonly stats: DataStats
  readonly failures: FailedImage[]
  labelOutside(classes: number, leftOut: number): LabelOutside | null
  startEpoch(epoch: number, startBatch: number): void
  startEpochInOrder(epoch: number, startBatch: number, samples: Uint32Array): void
  next(): Promise<NativeBatch | null>
  nextSync(): NativeBatch | null
  stop(): void
  close(): void
}

export interface NativeTrace {
  threads: string[]
  parts: LoaderPart[]
  /** Four numbers a span: thread, part, start and end in nanoseconds since the recording began. */
  spans: Float64Array
  dropped: number
}

/** The library that decodes JPEG files. */
export type JpegDecoder = 'libjpeg-turbo' | 'zune-jpeg'

interface DataAddon {
  DataLoader: new (spec: string) => NativeLoader
  releaseTensor(tensor: NativeTensor): void
  copyTensor(tensor: NativeTensor): Uint8Array
  startLoaderTrace(): boolean
  stopLoaderTrace(): NativeTrace | null
  createScriptQueue(): number
  closeScriptQueue(queue: number): void
  checkSource(spec: string, threads: number): Promise<string>
  jpegDecoder(): JpegDecoder
  encodePng(pixels: Uint8Array, width: number, height: number): Uint8Array
}

export const addon = (): DataAddon => host<DataAddon>()

/** The JPEG decoder that set-up built in: libjpeg-turbo where it could, else zune-jpeg. */
export const jpegDecoder = (): JpegDecoder => addon().jpegDecoder()

/** Frees a taken tensor that is not handed on. */
export const releaseTensor = (tensor: NativeTensor): void => addon().releaseTensor(tensor)

/** A copy of a taken tensor's bytes, row-major or as its strides say; the tensor stays taken. */
export const copyTensor = (tensor: NativeTensor): Uint8Array => addon().copyTensor(tensor)

const exitCodes: Record<string, ExitCode> = { usage: ExitCode.usage, data: ExitCode.data }

/** Turns an error of the data engine, a JSON text, into one with exit code and fix. */
export function dataError(error: unknown): VisslError {
  const text = error instanceof Error ? error.message : String(error)
  try {
    const { kind, message, fix } = JSON.parse(text) as { kind: string; message: string; fix: string | null }
    return new VisslError(exitCodes[kind] ?? ExitCode.internal, message, fix ?? undefined)
  } catch {
    return new VisslError(ExitCode.internal, `data loader: ${text}`, undefined, { cause: error })
  }
}
