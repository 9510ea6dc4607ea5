import { ExitCode, VisslError } from '../errors.ts'
import { TrainingBatch } from './batch.ts'
import type { DataSplit, SplitName } from './dataset.ts'
import { type EpochTimes, timesBetween } from './epoch-times.ts'
import { type SampleOrder, splitSpec } from './loader-spec.ts'
import {
  addon,
  type DataInfo,
  type DataStats,
  dataError,
  type FailedImage,
  type LabelOutside,
  type NativeLoader,
} from './native.ts'
import { CollatedBatch, type Collation, splitCollator } from './scripts/collated-batch.ts'
import { type GivenOrder, splitOrder } from './scripts/given-order.ts'
import type { ScriptPool } from './scripts/pool.ts'

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
  /**
   * `distributed` and `stateful` are the reference's shuffles, `keyed` is one that takes no memory, `debugging` the later
   * reference's blocks in order. Default: as `USE_STATEFUL_DISTRIBUTED_SAMPLER` and its like say.
   */
  order?: SampleOrder
  rank?: number
  worldSize?: number
  /** Batches that may lie ready; default two a worker. */
  prefetch?: number
  /** Part of the samples, 0 to 1, that may fail to decode before the loader stops. Default 0.1. */
  maxFailed?: number
  /** Side of the images that the `shapes` source draws. Default 32. */
  shapesSize?: number
}

/** What of a split is written in TypeScript. */
export interface ScriptParts {
  /** Serves transforms and sources. */
  readonly pool?: ScriptPool | undefined
  readonly order?: GivenOrder | undefined
  readonly collate?: Collation | undefined
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
  readonly #parts: ScriptParts
  #run = 0
  #atStart: DataStats | undefined
  #startedAt = 0

  /** @param parts what is written in TypeScript */
  constructor(native: NativeLoader, batchSize: number, parts: ScriptParts = {}) {
    this.#native = native
    this.#parts = parts
    const { order } = parts
    this.info = order === undefined ? native.info : { ...native.info, batchesPerEpoch: order.batches }
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
    await this.#parts.pool?.ready()
    this.#atStart = this.stats
    this.#startedAt = performance.now()
    try {
      const { order } = this.#parts
      if (order === undefined) this.#native.startEpoch(epoch, startBatch)
      else this.#native.startEpochInOrder(epoch, startBatch, order.of(epoch))
    } catch (error) {
      throw dataError(error)
    }
    try {
      while (run === this.#run) {
        const batch = await this.#next(epoch)
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

  async #next(epoch: number): Promise<TrainingBatch | null> {
    try {
      const batch = await this.#native.next()
      if (batch === null) return null
      const { collate } = this.#parts
      return collate === undefined ? new TrainingBatch(batch) : new CollatedBatch(batch, collate, epoch)
    } catch (error) {
      throw dataError(error)
    }
  }

  /** Counts since the loader was made. */
  get stats(): DataStats {
    return this.#native.stats
  }

  /** What the running epoch, or the last one, spent its time on so far. */
  get epochTimes(): EpochTimes {
    const seconds = this.#atStart === undefined ? 0 : (performance.now() - this.#startedAt) / 1000
    return timesBetween(this.#atStart ?? this.stats, this.stats, seconds)
  }

  /** Images that could not be decoded so far, by sample. */
  get failures(): FailedImage[] {
    return this.#native.failures
  }

  /** The first sample whose label is neither one of `classes` classes nor `leftOut`; lists of labels are not looked at. */
  labelOutside(classes: number, leftOut = -1): LabelOutside | undefined {
    return this.#native.labelOutside(classes, leftOut) ?? undefined
  }

  /** Ends the running epoch and its threads. */
  stop(): void {
    this.#run++
    this.#native.stop()
  }

  /**
   * Ends everything and frees the memory that was kept for further batches; the loader is of no use afterwards.
   * Tensors that were taken stay good.
   */
  [Symbol.dispose](): void {
    this.#parts.pool?.close()
    this.#run++
    this.#native.close()
  }
}

/**
 * Opens the data of a split. Folders are listed and array files read here; images are decoded when an epoch runs.
 *
 * @throws VisslError when the block is wrong (exit code 2) or the data are missing, empty or damaged (exit code 3)
 */
export function createLoader(options: LoaderOptions): Loader {
  const { split, splitName = 'TRAIN', channels = 3, worldSize = 1, workers = 1 } = options
  const { order, shapesSize } = options
  const { spec: ofSplit, pool } = splitSpec({ split, splitName, channels, order, shapesSize })
  const spec = {
    ...ofSplit,
    name: splitName,
    seed: options.seed ?? 0,
    rank: options.rank ?? 0,
    world: worldSize,
    workers,
    prefetch: options.prefetch ?? 0,
    channels_last: options.channelsLast ?? false,
    max_failed: options.maxFailed ?? 0.1,
  }
  const { DataLoader } = addon()
  try {
    const native = new DataLoader(JSON.stringify(spec))
    const place = { seed: spec.seed, rank: spec.rank, world: worldSize }
    const order = splitOrder(split, { ...place, size: native.info.samples })
    const collate = splitCollator(split, place)
    pool?.start(Math.max(1, workers))
    return new Loader(native, split.BATCHSIZE_PER_REPLICA * worldSize, { pool, order, collate })
  } catch (error) {
    pool?.close()
    const known = error instanceof VisslError ? error : dataError(error)
    throw new VisslError(known.exitCode, `DATA.${splitName}: ${known.message}`, known.fix, { cause: error })
  }
}

function checkCount(name: string, value: number): void {
  if (!Number.isInteger(value) || value < 0 || value > 0xffffffff) {
    throw new VisslError(ExitCode.usage, `${name} must be a whole number from 0 to 4294967295, not ${value}`)
  }
}
