import { ExitCode, VisslError } from '../errors.ts'
import { TrainingBatch } from './batch.ts'
import { collatorOf, type DataSplit, labelType, type SplitName } from './dataset.ts'
import {
  addon,
  type DataInfo,
  type DataStats,
  dataError,
  type FailedImage,
  type NativeLoader,
} from './native.ts'
import { resolveData } from './sources/resolve.ts'

export interface LoaderOptions {
  /** The `DATA.TRAIN` or `DATA.TEST` block. */
  split: DataSplit
  /** Which of the two it is; default `TRAIN`. */
  splitName?: SplitName
  /** `NUM_DATALOADER_WORKERS`: threads; 0 makes each batch when it is asked for. Default 1. */
  workers?: number
  /** `SEED_VALUE`: what the transforms draw follows from it, the epoch and the sample alone. Default 0. */
  seed?: number
  /** Channels of the image tensors; 1 keeps gray images gray and turns coloured ones gray. Default 3. */
  channels?: 1 | 3
  /** Image tensors are laid out channels last. Default false. */
  channelsLast?: boolean
  /** `distributed` and `stateful` are the reference's shuffles; default as `USE_STATEFUL_DISTRIBUTED_SAMPLER` says. */
  order?: 'distributed' | 'stateful' | 'sequential'
  rank?: number
  worldSize?: number
  /** Batches that may lie ready; default two a worker. */
  prefetch?: number
  /** Part of the samples, 0 to 1, that may fail to decode before the loader stops. Default 0.1. */
  maxFailed?: number
  /** Side of the images that the `shapes` source draws. Default 32. */
  shapesSize?: number
}

/**
 * Reads, transforms and collates one split on native threads. Batches are bit-identical for any number of workers
 * and for any batch that an epoch starts at.
 */
export class Loader {
  /** Batches of an epoch of this process. */
  readonly batches: number
  /** Images of a batch over all processes, each counted once whatever the number of its views. */
  readonly batchSize: number
  readonly info: DataInfo
  readonly #native: NativeLoader
  #run = 0

  constructor(native: NativeLoader, batchSize: number) {
    this.#native = native
    this.info = native.info
    this.batches = this.info.batchesPerEpoch
    this.batchSize = batchSize
  }

  /**
   * The batches of an epoch from number `startBatch` on. Leaving the loop ends the epoch's threads; starting
   * another epoch ends this one. A batch can be used until the next one is asked for.
   *
   * @param epoch 0 to 2³²−1: seeds the order of the samples and the transforms
   * @throws VisslError when a batch cannot be made or too many images are broken
   */
  async *epoch(epoch: number, startBatch = 0): AsyncGenerator<TrainingBatch, void, undefined> {
    checkCount('epoch', epoch)
    checkCount('startBatch', startBatch)
    const run = ++this.#run
    try {
      this.#native.startEpoch(epoch, startBatch)
    } catch (error) {
      throw dataError(error)
    }
    try {
      while (run === this.#run) {
        const batch = await this.#next()
        if (batch === null) return
        try {
          yield batch
        } finally {
          batch.free()
        }
      }
    } finally {
      if (run === this.#run) this.stop()
    }
  }

  async #next(): Promise<TrainingBatch | null> {
    try {
      const batch = await this.#native.next()
      return batch === null ? null : new TrainingBatch(batch)
    } catch (error) {
      throw dataError(error)
    }
  }

  /** Counts since the loader was made. */
  get stats(): DataStats {
    return this.#native.stats
  }

  /** Images that could not be decoded so far, by sample. */
  get failures(): FailedImage[] {
    return this.#native.failures
  }

  /** Ends the running epoch and its threads. */
  stop(): void {
    this.#run++
    this.#native.stop()
  }

  [Symbol.dispose](): void {
    this.stop()
  }
}

/**
 * Opens the data of a split. Folders are listed and array files read here; images are decoded when an epoch runs.
 *
 * @throws VisslError when the block is wrong (exit code 2) or the data are missing, empty or damaged (exit code 3)
 */
export function createLoader(options: LoaderOptions): Loader {
  const { split, splitName = 'TRAIN', channels = 3, worldSize = 1 } = options
  const { sources, labels } = resolveData({ split, splitName, channels })
  for (const source of sources) {
    if (source.type === 'shapes' && options.shapesSize !== undefined) source.size = options.shapesSize
  }
  const shuffle = split.USE_STATEFUL_DISTRIBUTED_SAMPLER === true ? 'stateful' : 'distributed'
  const spec = {
    sources,
    ...(labels.length > 0 && { labels }),
    transforms: split.TRANSFORMS,
    collate: collatorOf(split, splitName),
    label_type: labelType(split, splitName),
    batch_size: split.BATCHSIZE_PER_REPLICA,
    drop_last: split.DROP_LAST ?? false,
    data_limit: split.DATA_LIMIT ?? 0,
    seed: options.seed ?? 0,
    sampler: options.order ?? shuffle,
    rank: options.rank ?? 0,
    world: worldSize,
    workers: options.workers ?? 1,
    prefetch: options.prefetch ?? 0,
    channels,
    channels_last: options.channelsLast ?? false,
    gray_size: split.DEFAULT_GRAY_IMG_SIZE ?? 224,
    max_failed: options.maxFailed ?? 0.1,
  }
  const { DataLoader } = addon()
  try {
    return new Loader(new DataLoader(JSON.stringify(spec)), split.BATCHSIZE_PER_REPLICA * worldSize)
  } catch (error) {
    const known = dataError(error)
    throw new VisslError(known.exitCode, `DATA.${splitName}: ${known.message}`, known.fix, { cause: error })
  }
}

function checkCount(name: string, value: number): void {
  if (!Number.isInteger(value) || value < 0 || value > 0xffffffff) {
    throw new VisslError(ExitCode.usage, `${name} must be a whole number from 0 to 4294967295, not ${value}`)
  }
}
