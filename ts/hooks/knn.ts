import type { Config } from '../config/index.ts'
import { createLoader, type Loader } from '../data/index.ts'
import type { Tensor } from '../engine/index.ts'
import { collectFeatures } from '../eval/features.ts'
import { knnClassify } from '../eval/knn.ts'
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

/** Images above this size are not compared pixel by pixel. */
const RAW_PIXELS_UP_TO = 64 * 64 * 3

/**
 * Measures how well neighbours in feature space share a class: before training, after every epoch, and once for the
 * raw pixels as the bar to pass. The trunk's last feature is used, without augmentation and without gradients.
 */
export class KnnHook implements Hook {
  readonly name = 'knn'
  readonly records: KnnRecord[] = []
  readonly #train: Loader
  readonly #test: Loader
  readonly #report: (record: KnnRecord) => void

  /** @param report called with every measurement */
  constructor(config: Config, channelsLast: boolean, report: (record: KnnRecord) => void) {
    this.#report = report
    const { TRAIN_LIMIT, TEST_LIMIT } = config.EVALUATION.KNN
    const plain = (name: 'TRAIN' | 'TEST', limit: number): Loader =>
      createLoader({
        split: {
          ...config.DATA[name],
          TRANSFORMS: config.DATA.TEST.TRANSFORMS,
          COLLATE_FUNCTION: 'default_collate',
          LABEL_SOURCES: config.DATA[name].DATA_SOURCES,
          DATA_LIMIT: limit,
          DROP_LAST: false,
        },
        splitName: name,
        order: 'sequential',
        workers: config.DATA.NUM_DATALOADER_WORKERS,
        seed: config.SEED_VALUE,
        channelsLast,
      })
    this.#train = plain('TRAIN', TRAIN_LIMIT)
    this.#test = plain('TEST', TEST_LIMIT)
  }

  async onStart(task: Task): Promise<void> {
    if (task.iteration > 0) return
    await this.#measure(task, 'raw pixels', undefined, (images) =>
      images.flatten(1).shape[1]! <= RAW_PIXELS_UP_TO ? images : null,
    )
    await this.#measureNetwork(task, 'untrained network', 0)
  }

  async onPhaseEnd(task: Task): Promise<void> {
    if (task.train)
      await this.#measureNetwork(task, `epoch ${task.trainPhaseIdx + 1}`, task.trainPhaseIdx + 1)
  }

  async #measureNetwork(task: Task, what: string, epoch: number): Promise<void> {
    const { trunk } = task.model
    const training = trunk.training
    trunk.eval()
    try {
      await this.#measure(task, what, epoch, (images) => trunk.call(images, [])[0]!)
    } finally {
      trunk.train(training)
    }
  }

  async #measure(
    task: Task,
    what: string,
    epoch: number | undefined,
    embed: (images: Tensor) => Tensor | null,
  ): Promise<void> {
    const stopped = () => task.stopRequest !== undefined
    const train = await collectFeatures(this.#train, embed, stopped)
    const test = train === null ? null : await collectFeatures(this.#test, embed, stopped)
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
