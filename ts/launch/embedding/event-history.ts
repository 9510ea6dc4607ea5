import type { TrainingEvent } from '../../logging/training-event.ts'

/** Steps that are remembered; a reader that is slower sees the newest. */
const STEPS = 64
/** Other events that are remembered; messages are forgotten first. */
const OTHERS = 256

/** Events in order, the oldest steps and messages left out where there are many. */
class EventList {
  #events: TrainingEvent[] = []
  #steps = 0

  get events(): readonly TrainingEvent[] {
    return this.#events
  }

  add(event: TrainingEvent): void {
    this.#events.push(event)
    if (event.type === 'step') this.#steps++
    if (this.#steps > STEPS) {
      this.#steps--
      this.#remove(({ type }) => type === 'step')
    } else if (this.#events.length - this.#steps > OTHERS) {
      const isMessage = ({ type }: TrainingEvent) => type === 'log'
      const isNews = ({ type }: TrainingEvent) => type !== 'step' && type !== 'start'
      this.#remove(this.#events.some(isMessage) ? isMessage : isNews)
    }
  }

  take(): TrainingEvent | undefined {
    const event = this.#events.shift()
    if (event?.type === 'step') this.#steps--
    return event
  }

  copy(): EventList {
    const copy = new EventList()
    copy.#events = [...this.#events]
    copy.#steps = this.#steps
    return copy
  }

  #remove(kind: (event: TrainingEvent) => boolean): void {
    this.#events.splice(this.#events.findIndex(kind), 1)
  }
}

/**
 * The events of a run for any number of readers. Each begins with what has happened and goes on with what happens.
 * Memory is bounded whatever the readers do: of steps the newest 64 are kept, of other events 256.
 */
export class EventHistory {
  readonly #past = new EventList()
  readonly #readers = new Set<Reader>()
  #end: { error?: unknown } | undefined

  /** Events that are remembered at present. */
  get size(): number {
    return this.#past.events.length
  }

  add(event: TrainingEvent): void {
    this.#past.add(event)
    for (const reader of this.#readers) reader.add(event)
  }

  /** No events follow. @param failure makes the readers' loops throw `failure.error` after the last event */
  end(failure: { error?: unknown } = {}): void {
    this.#end = failure
    for (const reader of this.#readers) reader.end(failure)
    this.#readers.clear()
  }

  read(): AsyncIterableIterator<TrainingEvent> {
    const reader = new Reader(this.#past.copy(), () => this.#readers.delete(reader))
    if (this.#end === undefined) this.#readers.add(reader)
    else reader.end(this.#end)
    return reader
  }
}

/** One loop over the events. */
class Reader implements AsyncIterableIterator<TrainingEvent> {
  readonly #list: EventList
  readonly #leave: () => void
  #end: { error?: unknown } | undefined
  #waiting: (() => void)[] = []

  constructor(list: EventList, leave: () => void) {
    this.#list = list
    this.#leave = leave
  }

  add(event: TrainingEvent): void {
    this.#list.add(event)
    this.#wake()
  }

  end(failure: { error?: unknown }): void {
    this.#end = failure
    this.#wake()
  }

  async next(): Promise<IteratorResult<TrainingEvent, undefined>> {
    for (;;) {
      const value = this.#list.take()
      if (value !== undefined) return { value, done: false }
      const end = this.#end
      if (end !== undefined) {
        this.#end = {}
        if (end.error !== undefined) throw end.error
        return { value: undefined, done: true }
      }
      await new Promise<void>((wake) => this.#waiting.push(wake))
    }
  }

  async return(): Promise<IteratorResult<TrainingEvent, undefined>> {
    this.#leave()
    while (this.#list.take() !== undefined);
    this.end({})
    return { value: undefined, done: true }
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  #wake(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const wake of waiting) wake()
  }
}
