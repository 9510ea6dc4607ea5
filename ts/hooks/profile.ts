import { formatPercent, formatTable, type Log, writeFileWhole } from '../logging/index.ts'
import type { Hook } from '../train/hook.ts'
import type { Task } from '../train/task.ts'
import type { Span, SpanKind } from '../train/timers.ts'

/** Steps before the first that counts: memory is taken and caches fill in them. */
const WARM_UP = 2
/** Lines of the summary below its title. */
const LINES = 9

/** Rows of the trace, by kind of span. */
const lanes: Readonly<Record<SpanKind, { readonly id: number; readonly title: string }>> = {
  step: { id: 1, title: 'train step' },
  hook: { id: 2, title: 'hooks' },
  loader: { id: 3, title: 'loader' },
  operator: { id: 4, title: 'operators' },
}

/**
 * Records the parts of `steps` training steps and every call of a hook in them, writes them as a Chrome trace (for
 * chrome://tracing and ui.perfetto.dev) and shows where the time went. The first steps are left out.
 */
export class ProfileHook implements Hook {
  readonly name = 'profile'
  readonly #steps: number
  readonly #file: string
  readonly #log: Log
  readonly #spans: Span[] = []
  #seen = 0
  #stop: (() => void) | undefined

  /** @param file where the trace goes */
  constructor(steps: number, file: string, log: Log) {
    this.#steps = steps
    this.#file = file
    this.#log = log
  }

  onStep(task: Task): void {
    if (!task.train) return
    this.#seen++
    if (this.#seen === WARM_UP) this.#stop = task.timers.listen((span) => this.#spans.push(span))
    if (this.#seen === WARM_UP + this.#steps) this.#finish()
  }

  onStop(): void {
    this.#finish()
  }

  /** A run with fewer steps than wanted shows what it had. */
  onEnd(): void {
    this.#finish()
  }

  #finish(): void {
    if (this.#stop === undefined) return
    this.#stop()
    this.#stop = undefined
    const spans = this.#spans.splice(0)
    writeFileWhole(this.#file, chromeTrace(spans))
    this.#log.info(summaryOf(spans))
    this.#log.info(`trace: ${this.#file} (open it in chrome://tracing or ui.perfetto.dev)`)
  }
}

/** A trace in the event format of Chrome; times in microseconds. */
export function chromeTrace(spans: readonly Span[]): string {
  const pid = process.pid
  const names = Object.values(lanes).map(({ id, title }) => ({
    name: 'thread_name',
    ph: 'M',
    pid,
    tid: id,
    args: { name: title },
  }))
  const events = spans.map(({ name, kind, start, end }) => ({
    name,
    cat: kind,
    ph: 'X',
    ts: Math.round(start * 1000),
    dur: Math.round((end - start) * 1000),
    pid,
    tid: lanes[kind].id,
  }))
  return `${JSON.stringify({ traceEvents: [...names, ...events], displayTimeUnit: 'ms' })}\n`
}

/** Ten lines: the mean step, and what took most of it. */
export function summaryOf(spans: readonly Span[]): string {
  const sums = new Map<string, number>()
  const add = (name: string, time: number) => sums.set(name, (sums.get(name) ?? 0) + time)
  let steps = 0
  let total = 0
  for (const { name, kind, start, end } of spans) {
    if (name === 'train_step_total') {
      steps++
      total += end - start
    } else add(kind === 'hook' ? `hook ${name}` : name, end - start)
  }
  if (steps === 0) return 'profile: the run ended before a step was recorded'
  const rows = [...sums].sort(([, a], [, b]) => b - a).slice(0, LINES)
  const table = formatTable(
    rows.map(([name, time]) => [
      `    ${name}`,
      `${(time / steps).toFixed(2)} ms`,
      formatPercent(time / total),
    ]),
  )
  return `profile of ${steps} steps, ${(total / steps).toFixed(1)} ms each\n${table}`
}
