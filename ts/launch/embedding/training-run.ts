import { ExitCode, VisslError } from '../../errors.ts'
import type { TrainingCommand, TrainingEvent, TrainingMessage } from '../../logging/training-event.ts'
import { EventHistory } from './event-history.ts'
import type { Trainer } from './trainer-process.ts'

/** What a run leaves. */
export interface RunResult {
  /** Absolute; absent where the run was stopped before it had one. */
  readonly folder?: string
  /** The newest complete checkpoint; absent where there is none. */
  readonly checkpoint?: string
  /** Training steps that were done, those of runs that this one went on with included. */
  readonly steps: number
  /** Whether it ended because it was asked to. */
  readonly stopped: boolean
}

interface Waiting<T> {
  resolve(value: T): void
  reject(error: unknown): void
}

/**
 * A run in a process of its own: the app stays responsive, and outlives whatever happens there. Loops over it get its
 * events:
 *
 * @example
 * const run = train({ config: 'quickstart' })
 * for await (const event of run) if (event.type === 'step') bar.update(event.done, event.loss)
 *
 * A loop begins with what has happened, older steps left out, and throws what makes the run fail. Leaving a loop does
 * not stop the run: `stop` does, and `await using`. When the app ends, however, the run saves and ends too.
 */
export class TrainingRun implements AsyncIterable<TrainingEvent>, AsyncDisposable {
  /**
   * Settled when the process is gone.
   *
   * @throws VisslError with the exit code, the message and the fix that the command line would show; the reason of
   *   `options.signal` where that was aborted
   */
  readonly done: Promise<RunResult>
  readonly #trainer: Trainer
  readonly #events = new EventHistory()
  #folder: string | undefined
  #checkpoint: string | undefined
  #steps = 0
  #failure: VisslError | undefined
  #isStopping = false
  #saves: Waiting<string>[] = []
  #pauses: Waiting<void>[] = []
  #isOver = false

  /** @param signal stops the run */
  constructor(trainer: Trainer, signal?: AbortSignal) {
    this.#trainer = trainer
    const { child } = trainer
    child.on('message', (message) => this.#take(message as TrainingMessage))
    const abort = () => this.#requestStop()
    signal?.addEventListener('abort', abort, { once: true })
    const ended = new Promise<RunResult>((resolve, reject) => {
      child.once('error', (error) => {
        if (child.pid === undefined) reject(notStarted(error))
      })
      child.once('close', (code, how) => {
        const error = signal?.aborted === true ? signal.reason : this.#errorOf(code, how)
        if (error === undefined) resolve(this.#result)
        else reject(error)
      })
    })
    this.done = ended.finally(() => signal?.removeEventListener('abort', abort))
    this.done.then(
      (result) => this.#finish(result),
      (error: unknown) => this.#fail(error),
    )
  }

  /** The run's folder, absolute; undefined until the run has one. */
  get folder(): string | undefined {
    return this.#folder
  }

  /** The newest checkpoint that is complete; undefined until there is one. */
  get checkpoint(): string | undefined {
    return this.#checkpoint
  }

  /** The process that trains. */
  get pid(): number | undefined {
    return this.#trainer.child.pid
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<TrainingEvent> {
    return this.#events.read()
  }

  /**
   * Stops training after the step in progress, until {@link resume}.
   *
   * @returns settled when training stands still, and when it ends before that
   */
  pause(): Promise<void> {
    if (this.#isOver) return Promise.resolve()
    return new Promise((resolve, reject) => {
      this.#pauses.push({ resolve, reject })
      this.#send('pause')
    })
  }

  /** Goes on after a pause. */
  resume(): void {
    // Who waits for the pause need not any more.
    for (const { resolve } of this.#pauses.splice(0)) resolve()
    this.#send('resume')
  }

  /**
   * Saves after the step in progress, while training goes on.
   *
   * @returns the path of the checkpoint, when it is complete
   * @throws VisslError when nothing has been trained yet, and when the run ends badly before
   */
  save(): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#saves.push({ resolve, reject })
      if (this.#isOver) this.#settleSaves(this.#checkpoint)
      else this.#send('save')
    })
  }

  /**
   * Ends the run after the step in progress; it saves first. To go on: `train({ …, resume: run.folder })`.
   *
   * @returns settled when the process is gone
   * @throws what `done` is rejected with, where the run fails on its way
   */
  async stop(): Promise<void> {
    this.#requestStop()
    await this.done
  }

  /** Stops the run at the end of an `await using` block; failures are `done`'s to tell. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#requestStop()
    await this.done.catch(() => {})
  }

  #requestStop(): void {
    this.#isStopping = true
    this.#send('stop')
  }

  #send(command: TrainingCommand['command']): void {
    const { child } = this.#trainer
    // A process that is gone answers by `close`.
    if (child.connected) child.send({ type: 'command', command } satisfies TrainingCommand, () => {})
  }

  #take(message: TrainingMessage): void {
    if (message.type === 'event') this.#note(message.event)
    else if (message.type === 'placed') {
      this.#folder = message.folder
      this.#checkpoint ??= message.checkpoint
    } else if (message.type === 'paused') for (const { resolve } of this.#pauses.splice(0)) resolve()
    else if (message.type === 'saved') this.#settleSaves(message.path, message.count)
    else if (message.type === 'failure') {
      this.#failure ??= new VisslError(message.exitCode, message.message, message.fix)
    }
  }

  #note(event: TrainingEvent): void {
    if (event.type === 'checkpoint') this.#checkpoint = event.path
    if (event.type === 'step' || event.type === 'start') this.#steps = event.step
    this.#events.add(event)
  }

  #settleSaves(path: string | undefined, count = this.#saves.length): void {
    for (const { resolve, reject } of this.#saves.splice(0, count)) {
      if (path !== undefined) resolve(path)
      else reject(new VisslError(ExitCode.usage, 'there is nothing to save yet', 'save after the first step'))
    }
  }

  get #result(): RunResult {
    return {
      ...(this.#folder === undefined ? {} : { folder: this.#folder }),
      ...(this.#checkpoint === undefined ? {} : { checkpoint: this.#checkpoint }),
      steps: this.#steps,
      stopped: this.#wasStopped,
    }
  }

  /** Asked to stop, and no failure of another kind on the way. A last step may have come first. */
  get #wasStopped(): boolean {
    return this.#isStopping && this.#trainer.child.exitCode !== ExitCode.ok
  }

  #finish({ steps, ...result }: RunResult): void {
    this.#isOver = true
    this.#events.add({ type: 'end', ...result })
    this.#events.end()
    for (const { resolve } of this.#pauses.splice(0)) resolve()
    this.#settleSaves(this.#checkpoint)
  }

  #fail(error: unknown): void {
    this.#isOver = true
    this.#events.end({ error })
    for (const { reject } of [...this.#saves.splice(0), ...this.#pauses.splice(0)]) reject(error)
  }

  #errorOf(code: number | null, signal: NodeJS.Signals | null): VisslError | undefined {
    if (code === ExitCode.ok) return undefined
    const isStop = code === ExitCode.terminated || code === ExitCode.interrupted
    if (this.#isStopping && isStop) return undefined
    return this.#failure ?? this.#death(code, signal)
  }

  /** A process that ended without a word. */
  #death(code: number | null, signal: NodeJS.Signals | null): VisslError {
    const known = Object.values(ExitCode).find((value) => value === code)
    const how = signal === null ? `ended with exit code ${code}` : `was killed by ${signal}`
    const memory = signal === 'SIGKILL' ? '; out of memory is the usual reason' : ''
    const when = this.#steps === 0 ? 'before its first step' : `after step ${this.#steps}`
    const tail = this.#trainer.tail()
    return new VisslError(
      known ?? ExitCode.internal,
      `the training process ${how} ${when}${memory}${tail === '' ? '' : `:\n${tail}`}`,
      this.#checkpoint === undefined
        ? 'start again'
        : `go on from its newest checkpoint: train({ …, resume: '${this.#checkpoint}' })`,
    )
  }
}

const notStarted = (error: Error): VisslError =>
  new VisslError(
    ExitCode.environment,
    `the training process cannot be started: ${error.message}`,
    'check that the app may start processes',
    { cause: error },
  )
