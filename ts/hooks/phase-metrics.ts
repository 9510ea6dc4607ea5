import { describeEpoch } from '../data/index.ts'
import type { RunFolder } from '../logging/index.ts'
import type { MeterValue } from '../meters/index.ts'
import type { Hook } from '../train/hook.ts'
import type { Task } from '../train/task.ts'

/** At the end of each phase: meters and mean loss to `log.txt`, `metrics.json` and `metrics.jsonl`. */
export class PhaseMetricsHook implements Hook {
  readonly name = 'phase-metrics'
  readonly #folder: RunFolder

  constructor(folder: RunFolder) {
    this.#folder = folder
  }

  onPhaseEnd(task: Task): void {
    const kind = task.train ? 'train' : 'test'
    const values: Record<string, MeterValue> = {}
    // Every rank takes part: meters gather over all of them.
    for (const meter of task.metered ? task.meters : []) {
      meter.sync()
      values[meter.name] = meter.value()
    }
    if (task.rank !== 0) return
    for (const [name, value] of Object.entries(values)) {
      this.#folder.log.info(`Rank: ${task.rank}, name: ${kind}_${name}, value: ${JSON.stringify(value)}`)
    }
    const times = task.loader.epochTimes
    const { NUM_DATALOADER_WORKERS: workers } = task.config.DATA
    this.#folder.log.info(`phase ${task.phaseIdx} [${kind}]: ${describeEpoch(times, workers)}`)
    this.#folder.phaseMetrics.write(
      {
        iteration: task.iteration,
        phase_idx: task.phaseIdx,
        train_phase_idx: task.trainPhaseIdx,
        train: task.train,
      },
      values,
    )
    this.#folder.metrics.write({
      type: 'phase',
      phase: kind,
      iteration: task.iteration,
      epoch: task.trainPhaseIdx,
      loss: task.meanLoss,
      loader: { ...times },
      ...values,
    })
  }
}
