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

  onPhaseStart(task: Task): void {
    this.#folder.log.info(`Starting phase ${task.phaseIdx} [${task.train ? 'train' : 'test'}]`)
  }

  onPhaseEnd(task: Task): void {
    const kind = task.train ? 'train' : 'test'
    const values: Record<string, MeterValue> = {}
    for (const meter of task.meters) {
      values[meter.name] = meter.value()
      this.#folder.log.info(
        `Rank: 0, name: ${kind}_${meter.name}, value: ${JSON.stringify(values[meter.name])}`,
      )
    }
    this.#folder.phaseMetrics.write(
      {
        iteration: task.iteration,
        phase_idx: task.phaseIdx,
        train_phase_idx: task.trainPhaseIdx,
        train: task.train,
      },
      values,
    )
    const loss = task.rows === 0 ? 0 : task.losses.reduce((sum, value) => sum + value, 0) / task.rows
    this.#folder.metrics.write({
      type: 'phase',
      phase: kind,
      iteration: task.iteration,
      epoch: task.trainPhaseIdx,
      loss,
      ...values,
    })
  }
}
