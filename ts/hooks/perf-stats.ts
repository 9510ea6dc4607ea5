import type { Log } from '../logging/index.ts'
import type { Hook } from '../train/hook.ts'
import type { Task } from '../train/task.ts'
import type { Span } from '../train/timers.ts'

/** Mean times of the parts of a step, in the order in which they were first seen. */
class PerfStats {
  readonly #sums = new Map<string, { total: number; count: number }>()

  add({ name, kind, start, end }: Span): void {
    if (kind !== 'step') return
    const sum = this.#sums.get(name) ?? { total: 0, count: 0 }
    this.#sums.set(name, { total: sum.total + end - start, count: sum.count + 1 })
  }

  clear(): void {
    this.#sums.clear()
  }

  /** Milliseconds on the host and on the GPU, where there is one; columns aligned to the right. */
  table(): string {
    const rows = [['Timer', 'Host', 'CudaEvent']]
    for (const [name, { total, count }] of this.#sums)
      rows.push([`${name}:`, `${(total / count).toFixed(2)} ms`, '-'])
    const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)))
    return rows.map((row) => row.map((cell, i) => cell.padStart(widths[i]!)).join(' ')).join('\n')
  }
}

/**
 * `MONITOR_PERF_STATS`: at the end of a phase, and every `PERF_STAT_FREQUENCY` batches, the mean time of a batch and,
 * in training, of each part of a step.
 */
export class PerfStatsHook implements Hook {
  readonly name = 'perf-stats'
  readonly #log: Log
  readonly #stats = new PerfStats()
  #time = 0
  #batches = 0

  constructor(log: Log) {
    this.#log = log
  }

  onStart(task: Task): void {
    task.timers.listen((span) => this.#stats.add(span))
  }

  onPhaseStart(): void {
    this.#stats.clear()
    this.#time = 0
    this.#batches = 0
  }

  onStep(task: Task): void {
    this.#time += task.clock.wait + task.clock.step
    this.#batches++
    const every = task.config.PERF_STAT_FREQUENCY
    if (every > 0 && this.#batches % every === 0) this.#report(task)
  }

  onPhaseEnd(task: Task): void {
    if (this.#batches > 0) this.#report(task)
  }

  #report(task: Task): void {
    const kind = task.train ? 'train' : 'test'
    const mean = Math.trunc(this.#time / this.#batches)
    this.#log.info(`Average ${kind} batch time (ms) for ${this.#batches} batches: ${mean}`)
    if (task.train) this.#log.info(`Train step time breakdown (rank ${task.rank}):\n${this.#stats.table()}`)
  }
}
