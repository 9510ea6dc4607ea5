/** What a span of time was spent on. */
export type SpanKind = 'step' | 'hook'

/** A stretch of time; milliseconds on the clock of `performance.now`. */
export interface Span {
  readonly name: string
  readonly kind: SpanKind
  readonly start: number
  readonly end: number
}

/**
 * Times the parts of a step under the reference's names (`read_sample`, `forward`, `loss_compute`, `loss_all_reduce`,
 * `meters_update`, `backward`, `optimizer_step`, `train_step_total`) and every call of a hook. Costs nothing while
 * nobody listens.
 */
export class Timers {
  readonly #listeners = new Set<(span: Span) => void>()

  /** Calls `listener` with every span from now on. @returns ends that */
  listen(listener: (span: Span) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  get active(): boolean {
    return this.#listeners.size > 0
  }

  time<T>(name: string, work: () => T, kind: SpanKind = 'step'): T {
    if (!this.active) return work()
    const start = performance.now()
    try {
      return work()
    } finally {
      this.record({ name, kind, start, end: performance.now() })
    }
  }

  record(span: Span): void {
    for (const listener of this.#listeners) listener(span)
  }
}
