import { type OperatorSpan, startProfile, stopProfile } from '../engine/index.ts'
import { formatPercent, formatTable, type Log, writeFileWhole } from '../logging/index.ts'
import type { Hook } from '../train/hook.ts'
import type { Task } from '../train/task.ts'
import type { Span, SpanKind } from '../train/timers.ts'

/** Steps before the first that counts: memory is taken and caches fill in them. */
const WARM_UP = 2
/** Lines of the summary below its title. */
const LINES = 9

/** Operators named in the summary. */
const OPERATORS = 3

/** Rows of the trace, by kind of span; operators have one for each thread of libtorch's, after these. */
const lanes: Readonly<Record<SpanKind, { readonly id: number; readonly title: string }>> = {
  step: { id: 1, title: 'train step' },
  hook: { id: 2, title: 'hooks' },
}
const OPERATOR_LANE = 10

/**
 * Records the parts of `steps` training steps, every call of a hook and every operator in them, writes them as a Chrome
 * trace (for chrome://tracing and ui.perfetto.dev) and shows where the time went. The first steps are left out.
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
    if (this.#seen === WARM_UP) {
      this.#stop = task.timers.listen((span) => this.#spans.push(span))
      startProfile()
    }
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
    const operators = stopProfile()
    if (operators.dropped > 0)
      this.#log.warn(`the trace leaves out ${operators.dropped} operators: record fewer steps`)
    writeFileWhole(this.#file, chromeTrace(spans, operators.spans))
    this.#log.info(summaryOf(spans, operators.spans))
    this.#log.info(`trace: ${this.#file} (open it in chrome://tracing or ui.perfetto.dev)`)
  }
}

/** A trace in the event format of Chrome; times in microseconds. */
export function chromeTrace(spans: readonly Span[], operators: readonly OperatorSpan[]): string {
  const pid = process.pid
  const threads = [...new Set(operators.map(({ thread }) => thread))].sort((a, b) => a - b)
  const titles = [
    ...Object.values(lanes),
    ...threads.map((thread) => ({ id: OPERATOR_LANE + thread, title: `operators, thread ${thread}` })),
  ]
  const named = titles.map(({ id, title }) => ({
    name: 'thread_name',
    ph: 'M',
    pid,
    tid: id,
    args: { name: title },
  }))
  const event = (name: string, cat: string, tid: number, start: number, end: number) => {
    const ts = Math.round(start * 1000)
    return { name, cat, ph: 'X', ts, dur: Math.round(end * 1000) - ts, pid, tid }
  }
  const events = [
    ...spans.map(({ name, kind, start, end }) => event(name, kind, lanes[kind].id, start, end)),
    ...operators.map(({ name, thread, start, end }) =>
      event(name, 'operator', OPERATOR_LANE + thread, start, end),
    ),
  ]
  return `${JSON.stringify({ traceEvents: [...named, ...events], displayTimeUnit: 'ms' })}\n`
}

/** Ten lines: the mean step, what took most of it, and the operators that took most of that. */
export function summaryOf(spans: readonly Span[], operators: readonly OperatorSpan[]): string {
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
  const largest = (of: ReadonlyMap<string, number>, count: number) =>
    [...of].sort(([, a], [, b]) => b - a).slice(0, count)
  const slowest = largest(ownTimes(operators), OPERATORS)
  const rows = [
    ...largest(sums, LINES - slowest.length),
    ...slowest.map(([name, time]) => [`operator ${name}`, time] as const),
  ]
  const table = formatTable(
    rows.map(([name, time]) => [
      `    ${name}`,
      `${(time / steps).toFixed(2)} ms`,
      formatPercent(time / total),
    ]),
  )
  return `profile of ${steps} steps, ${(total / steps).toFixed(1)} ms each\n${table}`
}

/** Milliseconds by operator, without what the operators that it calls take. Spans come by their ends, inner ones first. */
function ownTimes(operators: readonly OperatorSpan[]): Map<string, number> {
  const times = new Map<string, number>()
  /** By thread, the finished spans that no other has enclosed yet. */
  const finished = new Map<number, { start: number; duration: number }[]>()
  for (const { name, thread, start, end } of operators) {
    const done = finished.get(thread) ?? []
    finished.set(thread, done)
    let inner = 0
    while (done.length > 0 && done.at(-1)!.start >= start) inner += done.pop()!.duration
    done.push({ start, duration: end - start })
    times.set(name, (times.get(name) ?? 0) + end - start - inner)
  }
  return times
}
