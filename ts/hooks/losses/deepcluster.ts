import { noGrad, scope, Tensor } from '../../engine/index.ts'
import { ExitCode, VisslError } from '../../errors.ts'
import type { DeepClusterLoss } from '../../losses/index.ts'
import { functional } from '../../nn/index.ts'
import { Hook } from '../../train/hook.ts'
import { Sample } from '../../train/sample.ts'
import type { Task } from '../../train/task.ts'

/** Fills DeepCluster's memory before a new run: one pass over the training data without updates. */
export class InitMemoryHook extends Hook {
  readonly name = 'deepcluster-init-memory'
  readonly #loss: DeepClusterLoss

  constructor(loss: DeepClusterLoss) {
    super()
    this.#loss = loss
  }

  override async onStart(task: Task): Promise<void> {
    const { trainLoader } = task
    if (task.trainPhaseIdx >= 0 || task.iteration > 0 || trainLoader === undefined) return
    for await (const batch of trainLoader.epoch(0)) {
      scope(() => noGrad(() => this.#remember(task, new Sample(batch))))
    }
  }

  #remember(task: Task, sample: Sample): void {
    const { num_crops, memory_params } = this.#loss.params
    const { INPUT_KEY_NAMES, TARGET_KEY_NAMES } = task.config.DATA.TRAIN
    const crops = sample.input(INPUT_KEY_NAMES)
    const targets = sample.target(TARGET_KEY_NAMES)
    if (crops instanceof Tensor || !Array.isArray(crops) || !(targets instanceof Tensor)) {
      throw new VisslError(
        ExitCode.usage,
        'deepclusterv2_loss takes batches of several crops',
        'set config.DATA.TRAIN.COLLATE_FUNCTION=multicrop_collator',
      )
    }
    const indices = targets.narrow(0, 0, targets.shape[0]! / num_crops)
    const embeddings = memory_params.crops_for_mb.map((crop) => {
      const [output] = task.precision.run(() => task.model.call([crops[crop] as Tensor]))
      return functional.normalize(output!)
    })
    this.#loss.remember(embeddings, indices)
  }
}

/**
 * Clusters DeepCluster's memory before every training epoch. An epoch that a resumed run goes on with keeps the
 * clusters it began with. (VISSL also clusters before tests, whose loss means nothing for this method.)
 */
export class ClusterMemoryHook extends Hook {
  readonly name = 'deepcluster-cluster-memory'
  readonly #loss: DeepClusterLoss

  constructor(loss: DeepClusterLoss) {
    super()
    this.#loss = loss
  }

  override onPhaseStart(task: Task): void {
    if (!task.train) return
    const done = task.iteration - task.trainPhaseIdx * (task.trainLoader?.batches ?? 0)
    if (done > 0) this.#loss.position = done * this.#loss.params.BATCHSIZE_PER_REPLICA
    else this.#loss.cluster()
  }
}
