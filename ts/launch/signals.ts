import { ExitCode } from '../errors.ts'
import type { StopRequest, Task } from '../train/task.ts'
import { Stopped } from '../train/trainer.ts'

/**
 * Makes Ctrl-C, SIGTERM, SIGUSR1 and a reader of the output that goes away (SIGPIPE) end a run in an orderly way: set-up at its
 * next pause, training after the step in progress. A second Ctrl-C leaves at once.
 */
export class StopSignals {
  readonly #abort = new AbortController()
  #say: (message: string) => void
  #task: Task | undefined
  #request: StopRequest | undefined
  readonly #onInterrupt = () => this.#interrupt()
  readonly #onTerminate = () => this.#stop({ reason: 'stopped by SIGTERM', exitCode: ExitCode.terminated })
  readonly #onNotice = () => this.#stop({ reason: 'stopped by SIGUSR1', exitCode: ExitCode.preempted })
  readonly #onPipe = () =>
    this.#stop({ reason: 'stopped: the reader of the output is gone', exitCode: ExitCode.terminated })

  /** @param say told what will happen */
  constructor(say: (message: string) => void) {
    this.#say = say
    process.on('SIGINT', this.#onInterrupt)
    process.on('SIGTERM', this.#onTerminate)
    process.on('SIGUSR1', this.#onNotice)
    process.on('SIGPIPE', this.#onPipe)
  }

  /** Aborted by the first signal; for downloads. */
  get signal(): AbortSignal {
    return this.#abort.signal
  }

  /** From now on signals stop this task. */
  watch(task: Task, say: (message: string) => void): void {
    this.#task = task
    this.#say = say
    if (this.#request !== undefined) task.requestStop(this.#request.reason, this.#request.exitCode)
  }

  /** @throws Stopped when a signal came during set-up */
  throwIfStopped(): void {
    if (this.#request === undefined) return
    const { reason, exitCode } = this.#request
    throw new Stopped(exitCode, `${reason} before training; nothing was written`, 'start again any time')
  }

  /** Gives the signals back to Node. */
  restore(): void {
    process.off('SIGINT', this.#onInterrupt)
    process.off('SIGTERM', this.#onTerminate)
    process.off('SIGUSR1', this.#onNotice)
    process.off('SIGPIPE', this.#onPipe)
  }

  #interrupt(): void {
    if (this.#request !== undefined) process.exit(ExitCode.interrupted)
    this.#say(
      this.#task === undefined
        ? 'stopping; press Ctrl-C again to leave at once'
        : 'stopping after this step; press Ctrl-C again to leave at once',
    )
    this.#stop({ reason: 'stopped by Ctrl-C', exitCode: ExitCode.interrupted })
  }

  #stop(request: StopRequest): void {
    this.#request ??= request
    this.#task?.requestStop(request.reason, request.exitCode)
    this.#abort.abort(new Error(request.reason))
  }
}
