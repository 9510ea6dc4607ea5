import { join } from 'node:path'
import { BytePool } from '../checkpoint/byte-pool.ts'
import { iterationName, phaseName, pointLink } from '../checkpoint/names.ts'
import { keepNewest } from '../checkpoint/retention.ts'
import { saveTorchFileLater, type TorchValue } from '../checkpoint/torch-file.ts'
import { captureState } from '../checkpoint/training-state.ts'
import type { Log } from '../logging/index.ts'
import { type Hook, statesOf } from '../train/hook.ts'
import type { Task } from '../train/task.ts'

/**
 * Saves after training phases, every so many steps where asked, and when a run is stopped. Files are written on
 * another thread, one at a time, while training goes on; `lastCheckpoint` names the newest one that is complete. Every
 * process takes part, the first one writes.
 */
export class CheckpointHook implements Hook {
  readonly name = 'checkpoint'
  /** Told the path of every file that is complete. First process only. */
  onSaved: (path: string) => void = () => {}
  readonly #folder: string
  readonly #log: Log
  /** Whether this process has entered a phase; before that there is nothing that the resumed file lacks. */
  #entered = false
  /** Whether a phase has begun and not ended. */
  #inPhase = false
  /** What the newest file holds, as `phase:iteration`. */
  #held = ''
  /** A checkpoint by step was due while gradients were gathering; it follows their update. */
  #due = false

  /** Of the one state that is being written. */
  readonly #memory = new BytePool()
  /** The file that is being written. */
  #writing: Promise<void> = Promise.resolve()
  /** Why it could not be. */
  #failure: unknown

  /** @param folder where the files go, created by the caller */
  constructor(folder: string, log: Log) {
    this.#folder = folder
    this.#log = log
  }

  onPhaseStart(): void {
    this.#entered = true
    this.#inPhase = true
  }

  async onStep(task: Task): Promise<void> {
    this.#throwFailure()
    if (!task.train) return
    const every = task.config.CHECKPOINT.CHECKPOINT_ITER_FREQUENCY
    this.#due ||= isDue(task.iteration, every)
    if (!this.#due || !task.updates.settled) return
    this.#due = false
    await this.#save(task, iterationName(task.iteration), true)
  }

  /**
   * Saves the state after the step that was just made, for who asks. Every process calls it.
   *
   * @returns waits until the file is complete; rejected where it cannot be written
   */
  async saveNow(task: Task): Promise<() => Promise<void>> {
    await this.#save(task, iterationName(task.iteration), true)
    return async () => {
      await this.#writing
      if (this.#failure !== undefined) throw this.#failure
    }
  }

  async onPhaseEnd(task: Task): Promise<void> {
    this.#inPhase = false
    if (!task.train) return
    const final = task.trainPhaseIdx === task.trainPhases - 1
    if (!final && !isDue(task.phaseIdx, task.config.CHECKPOINT.CHECKPOINT_FREQUENCY)) return
    await this.#save(task, phaseName(task.phaseIdx, final), false)
  }

  async onStop(task: Task): Promise<void> {
    if (this.#entered && task.iteration > 0) {
      // After the last batch of an epoch its phase is done, even where a failure has kept its end from being reached.
      const midEpoch = this.#inPhase && !(task.train && task.epochDone)
      await this.#save(task, iterationName(task.iteration), midEpoch)
    }
    await this.#settle()
  }

  async onEnd(): Promise<void> {
    await this.#settle()
  }

  /** Takes the state now and begins to write it; waits for the file before. */
  async #save(task: Task, name: string, midEpoch: boolean): Promise<void> {
    const held = `${task.phaseIdx - (midEpoch ? 1 : 0)}:${task.iteration}`
    if (held === this.#held) return
    this.#held = held
    await this.#settle()
    const state = captureState(
      {
        model: task.model,
        loss: task.loss,
        optimizer: task.optimizer,
        scaler: task.updates.scaler,
        progress: task,
        train: task.train,
        losses: task.losses,
        rows: task.rows,
        hooks: statesOf(task.hooks),
      },
      midEpoch,
      this.#memory.take,
    )
    if (task.rank !== 0) return this.#memory.release()
    this.#writing = this.#write(task, name, state, task.iteration).catch((error: unknown) => {
      this.#failure = error
    })
  }

  async #write(task: Task, name: string, state: TorchValue, iteration: number): Promise<void> {
    const path = join(this.#folder, name)
    try {
      await saveTorchFileLater(path, state)
    } finally {
      this.#memory.release()
    }
    pointLink(this.#folder, name)
    task.lastCheckpoint = path
    this.#log.info(`saved ${path}`)
    const deleted = keepNewest(this.#folder, task.config.CHECKPOINT.KEEP_LAST ?? 0, iteration)
    if (deleted.length > 0) this.#log.info(`deleted ${deleted.join(', ')}`)
    this.onSaved(path)
  }

  /** Waits for the file in the making. @throws what kept it from being written */
  async #settle(): Promise<void> {
    await this.#writing
    this.#throwFailure()
  }

  #throwFailure(): void {
    const failure = this.#failure
    this.#failure = undefined
    if (failure !== undefined) throw failure
  }
}

/** Whether a number of a phase or a step is one at which a checkpoint is made; 0 or less: never. */
export const isDue = (number: number, every: number): boolean => every > 0 && number % every === 0
