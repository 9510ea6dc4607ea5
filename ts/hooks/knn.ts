import type { Config } from '../config/index.ts'
import { createLoader, type DataSplit, type Loader } from '../data/index.ts'
import type { Tensor } from '../engine/index.ts'
import { ExitCode, VisslError } from '../errors.ts'
import { collectFeatures } from '../eval/features.ts'
import { knnClassify } from '../eval/knn.ts'
import type { MetricsRow } from '../logging/index.ts'
import type { Hook } from '../train/hook.ts'
import type { Task } from '../train/task.ts'

/** One measurement: what was measured, and the percent of test images that were classified rightly. */
export interface KnnRecord {
  /** `raw pixels`, `untrained network`, or `epoch N`. */
  readonly what: string
  /** Epochs trained; undefined for raw pixels. */
  readonly epoch: number | undefined
  readonly top1: number
  readonly top5: number
}

interface Pair {
  readonly train: Loader
  readonly test: Loader
}

/** Images above this size are not compared pixel by pixel. */
const RAW_PIXELS_UP_TO = 64 * 64 * 3

/**
 * Measures how well neighbours in feature space share a class: before training, after every epoch, and once for the
 * raw pixels (values from 0 to 1, not normalised) as the bar to pass. The trunk's last feature is used, without
 * augmentation and without gradients.
 */
export class KnnHook implements Hook {
  readonly name = 'knn'
  readonly records: KnnRecord[]
  readonly #config: Config
  readonly #channelsLast: boolean
  readonly #loaders: Pair
  readonly #report: (record: KnnRecord) => void

  /**
   * @param report called with every measurement
   * @param earlier what this run measured before it was resumed, as `metrics.jsonl` holds it
   * @throws VisslError when the test split is not set up or a split has no classes
   */
  constructor(
    config: Config,
    channelsLast: boolean,
    report: (record: KnnRecord) => void,
    earlier: readonly MetricsRow[] = [],
  ) {
    this.records = earlier.flatMap(recordOf)
    this.#config = config
    this.#channelsLast = channelsLast
    this.#report = report
    if (config.DATA.TEST.TRANSFORMS.length === 0) {
      throw cannotMeasure('config.DATA.TEST has no TRANSFORMS', 'set up config.DATA.TEST')
    }
    this.#loaders = this.#open(config.DATA.TEST.TRANSFORMS)
    for (const [splitName, loader] of [
      ['TRAIN', this.#loaders.train],
      ['TEST', this.#loaders.test],
    ] as const) {
      if (!loader.info.labelled)
        throw cannotMeasure(
          `the images of DATA.${splitName} have no classes`,
          'give each class its sub-folder',
        )
    }
  }

  async onStart(task: Task): Promise<void> {
    if (task.iteration > 0) {
      const epoch = task.trainPhaseIdx + 1
      // The run was stopped between the end of an epoch and its measurement.
      const isMissing = task.epochDone && !this.records.some((record) => record.epoch === epoch)
      if (isMissing) await this.#measureNetwork(task, `epoch ${epoch}`, epoch)
      return
    }
    this.records.length = 0
    const raw = this.#open(this.#config.DATA.TEST.TRANSFORMS.filter(({ name }) => name !== 'Normalize'))
    try {
      await this.#measure(task, raw, 'raw pixels', undefined, (images) =>
        images.flatten(1).shape[1]! <= RAW_PIXELS_UP_TO ? images : null,
      )
    } finally {
      release(raw)
    }
    await this.#measureNetwork(task, 'untrained network', 0)
  }

  async onPhaseEnd(task: Task): Promise<void> {
    if (task.train)
      await this.#measureNetwork(task, `epoch ${task.trainPhaseIdx + 1}`, task.trainPhaseIdx + 1)
  }

  free(): void {
    release(this.#loaders)
  }

  /** Both splits with labels, in their own order, without augmentation. */
  #open(transforms: DataSplit['TRANSFORMS']): Pair {
    const { DATA, EVALUATION, SEED_VALUE } = this.#config
    const open = (splitName: 'TRAIN' | 'TEST', limit: number): Loader =>
      createLoader({
        split: {
          ...DATA[splitName],
          TRANSFORMS: transforms,
          COLLATE_FUNCTION: 'default_collate',
          LABEL_SOURCES: DATA[splitName].DATA_SOURCES,
          DATA_LIMIT: limit,
          DROP_LAST: false,
        },
        splitName,
        order: 'sequential',
        workers: DATA.NUM_DATALOADER_WORKERS,
        seed: SEED_VALUE,
        channelsLast: this.#channelsLast,
      })
    return { train: open('TRAIN', EVALUATION.KNN.TRAIN_LIMIT), test: open('TEST', EVALUATION.KNN.TEST_LIMIT) }
  }

  async #measureNetwork(task: Task, what: string, epoch: number): Promise<void> {
    const { trunk } = task.model
    const training = trunk.training
    trunk.eval()
    try {
      await this.#measure(task, this.#loaders, what, epoch, (images) => trunk.call(images, [])[0]!)
    } finally {
      trunk.train(training)
    }
  }

  async #measure(
    task: Task,
    loaders: Pair,
    what: string,
    epoch: number | undefined,
    embed: (images: Tensor) => Tensor | null,
  ): Promise<void> {
    const stopped = () => task.stopRequest !== undefined
    const train = await collectFeatures(loaders.train, embed, stopped)
    const test = train === null ? null : await collectFeatures(loaders.test, embed, stopped)
    if (train !== null && test !== null) {
      const { TOPK, SIGMA } = task.config.EVALUATION.KNN
      const { top1, top5 } = knnClassify(train, test, { k: TOPK, sigma: SIGMA, normalize: true })
      const record = { what, epoch, top1, top5 }
      this.records.push(record)
      this.#report(record)
    }
    for (const side of [train, test]) {
      side?.features.free()
      side?.labels.free()
    }
  }
}

function release({ train, test }: Pair): void {
  train[Symbol.dispose]()
  test[Symbol.dispose]()
}

function recordOf({ what, epoch, top1, top5 }: MetricsRow): KnnRecord[] {
  const isRecord = typeof what === 'string' && typeof top1 === 'number' && typeof top5 === 'number'
  return isRecord ? [{ what, epoch: typeof epoch === 'number' ? epoch : undefined, top1, top5 }] : []
}

const cannotMeasure = (reason: string, fix: string): VisslError =>
  new VisslError(
    ExitCode.usage,
    `kNN accuracy cannot be measured: ${reason}`,
    `${fix}, or config.EVALUATION.KNN.ENABLED=false`,
  )
