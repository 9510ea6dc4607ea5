import { type LoaderTrace, startLoaderTrace, stopLoaderTrace } from '../data/index.ts'
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

/**
 * Rows of the trace, by kind of span; after these come one for each thread of libtorch's, then one for each of the
 * loaders'.
 */
const lanes: Readonly<Record<SpanKind, { readonly id: number; readonly title: string }>> = {
  step: { id: 1, title: 'train step' },
  hook: { id: 2, title: 'hooks' },
}
const OPERATOR_LANE = 10
const NO_LOADER: LoaderTrace = { threads: [], spans: [], dropped: 0 }

/**
 * Records the parts of `steps` training steps, every call of a hook, every operator and what the loader's threads do
 * meanwhile, writes them as a Chrome trace (for chrome://tracing and ui.perfetto.dev) and shows where the time went. The first steps are left out.
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
      startLoaderTrace()
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
    const loader = stopLoaderTrace()
    const operators = stopProfile()
    const dropped = operators.dropped + loader.dropped
    if (dropped > 0) {
      this.#log.warn(`the trace leaves out ${dropped} operators or spans of the loader: record fewer steps`)
    }
    writeFileWhole(this.#file, chromeTrace(spans, operators.spans, loader))
    this.#log.info(summaryOf(spans, operators.spans, loader))
    this.#log.info(`trace: ${this.#file} (open it in chrome://tracing or ui.perfetto.dev)`)
  }
}

/** A trace in the event format of Chrome; times in microseconds. */
export function chromeTrace(
  spans: readonly Span[],
  operators: readonly OperatorSpan[],
  loader: LoaderTrace = NO_LOADER,
): string {
  const pid = process.pid
  const threads = [...new Set(operators.map(({ thread }) => thread))].sort((a, b) => a - b)
  const loaderLane = OPERATOR_LANE + (threads.at(-1) ?? 0) + 1
  const titles = [
    ...Object.values(lanes),
    ...threads.map((thread) => ({ id: OPERATOR_LANE + thread, title: `operators, thread ${thread}` })),
    ...loader.threads.map((name, thread) => ({ id: loaderLane + thread, title: `loader ${name}` })),
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
    ...loader.spans.map(({ part, thread, start, end }) =>
      event(part, 'loader', loaderLane + thread, start, end),
    ),
  ]
  return `${JSON.stringify({ traceEvents: [...named, ...events], displayTimeUnit: 'ms' })}\n`
}

/** Ten lines: the mean step, what took most of it, the operators that took most of that, and the loader beside it. */
export function summaryOf(
  spans: readonly Span[],
  operators: readonly OperatorSpan[],
  loader: LoaderTrace = NO_LOADER,
): string {
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
  const beside = loaderShare(loader)
  const rows = [
    ...largest(sums, LINES - slowest.length - beside.length),
    ...slowest.map(([name, time]) => [`operator ${name}`, time] as const),
  ].map(([name, time]) => [name, time, time / total] as const)
  const table = formatTable(
    [...rows, ...beside].map(([name, time, share]) => [
      `    ${name}`,
      `${(time / steps).toFixed(2)} ms`,
      formatPercent(share),
    ]),
  )
  return `profile of ${steps} steps, ${(total / steps).toFixed(1)} ms each\n${table}`
}

/**
 * A row on the loaders' threads, if there are spans of them: milliseconds of work, summed over the threads, and the part
 * of their time in which they worked.
 */
function loaderShare({ threads, spans }: LoaderTrace): (readonly [string, number, number])[] {
  const times = new Map<string, number>()
  let busy = 0
  let [first, last] = [Infinity, 0]
  const working = new Set<number>()
  for (const { part, thread, start, end } of spans) {
    first = Math.min(first, start)
    last = Math.max(last, end)
    if (part === 'wait for a batch') continue
    working.add(thread)
    if (part === 'wait for room') continue
    busy += end - start
    times.set(part, (times.get(part) ?? 0) + end - start)
  }
  if (busy === 0) return []
  const [most] = [...times].sort(([, a], [, b]) => b - a)
  const who = working.size === 1 ? `loader ${threads[[...working][0]!]}` : `loader, ${working.size} threads`
  return [[`${who}, mostly ${most![0]}`, busy, busy / ((last - first) * working.size)]]
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
