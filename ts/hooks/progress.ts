import type { Progress, RunFolder } from '../logging/index.ts'
import type { Hook } from '../train/hook.ts'
import type { Task } from '../train/task.ts'

/** Shows the progress line and writes `metrics.jsonl`, one line for each training step. */
export class ProgressHook implements Hook {
  readonly name = 'progress'
  readonly #progress: Progress
  readonly #folder: RunFolder

  constructor(progress: Progress, folder: RunFolder) {
    this.#progress = progress
    this.#folder = folder
  }

  onStep(task: Task): void {
    if (!task.train) return
    const stepsPerEpoch = task.trainLoader!.batches
    const lr = task.optimizer.groups.map((group) => group.lr)
    const { loss, batchSize } = task.step
    const dataTime = task.clock.wait / 1000
    const stepTime = dataTime + task.clock.step / 1000
    const step = task.iteration - task.trainPhaseIdx * stepsPerEpoch
    this.#progress.step({
      epoch: task.trainPhaseIdx,
      epochs: task.trainPhases,
      step,
      stepsPerEpoch,
      iteration: task.iteration,
      maxIteration: task.maxIteration,
      loss,
      lr,
      images: batchSize,
      stepTime,
      dataTime,
    })
    this.#folder.metrics.write({
      type: 'step',
      iteration: task.iteration,
      epoch: task.trainPhaseIdx,
      loss,
      lr: lr[0] ?? 0,
      images_per_second: this.#progress.imagesPerSecond,
      data_wait: this.#progress.dataWait,
    })
  }

  onPhaseEnd(): void {
    this.#progress.clear()
  }

  onStop(): void {
    this.#progress.clear()
  }
}
