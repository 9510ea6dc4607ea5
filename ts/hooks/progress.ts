import { worldSize } from '../distributed/index.ts'
import {
  isLineDue,
  type Progress,
  progressRecord,
  type RunFolder,
  type StepReport,
} from '../logging/index.ts'
import type { Hook } from '../train/hook.ts'
import type { Task } from '../train/task.ts'

/**
 * Shows the progress line; writes `metrics.jsonl`, one line for each training step, and `stdout.json`, one for each
 * of VISSL's lines. First rank only.
 */
export class ProgressHook implements Hook {
  readonly name = 'progress'
  readonly #progress: Progress
  readonly #folder: RunFolder

  constructor(progress: Progress, folder: RunFolder) {
    this.#progress = progress
    this.#folder = folder
  }

  onStep(task: Task): void {
    if (!task.train || task.rank !== 0) return
    const report = reportOf(task)
    this.#progress.step(report)
    if (isLineDue(task.iteration, task.config.LOG_FREQUENCY)) {
      this.#folder.stdout.write(progressRecord(report))
    }
    this.#folder.metrics.write({
      type: 'step',
      iteration: task.iteration,
      epoch: task.trainPhaseIdx,
      loss: report.loss,
      lr: report.lr[0] ?? 0,
      images_per_second: this.#progress.imagesPerSecond,
      data_wait: this.#progress.dataWait,
      ...(task.updates.gradientNorm === undefined ? {} : { gradient_norm: task.updates.gradientNorm }),
    })
  }

  onPhaseEnd(): void {
    this.#progress.clear()
  }

  onStop(): void {
    this.#progress.clear()
  }
}

function reportOf(task: Task): StepReport {
  const stepsPerEpoch = task.trainLoader!.batches
  const dataTime = task.clock.wait / 1000
  const window = task.config.ROLLING_BTIME_FREQ
  return {
    rank: task.rank,
    epoch: task.trainPhaseIdx,
    epochs: task.trainPhases,
    step: task.iteration - task.trainPhaseIdx * stepsPerEpoch,
    stepsPerEpoch,
    iteration: task.iteration,
    maxIteration: task.maxIteration,
    loss: task.step.loss,
    lr: task.optimizer.groups.map((group) => group.lr),
    images: task.step.batchSize * worldSize(),
    stepTime: dataTime + task.clock.step / 1000,
    dataTime,
    meanTime: task.batchTimes.mean,
    rolling:
      window > 0 && task.batchTimes.count >= window
        ? { count: window, meanTime: task.batchTimes.recentMean(window) }
        : undefined,
  }
}
