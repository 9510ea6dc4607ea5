import { join } from 'node:path'
import { iterationName, phaseName, pointLink } from '../checkpoint/names.ts'
import { saveTorchFile } from '../checkpoint/torch-file.ts'
import { captureState } from '../checkpoint/training-state.ts'
import type { Log } from '../logging/index.ts'
import type { Hook } from '../train/hook.ts'
import type { Task } from '../train/task.ts'

/** Saves after training phases, every so many steps where asked, and when a run is stopped. First rank only. */
export class CheckpointHook implements Hook {
  readonly name = 'checkpoint'
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

  /** @param folder where the files go, created by the caller */
  constructor(folder: string, log: Log) {
    this.#folder = folder
    this.#log = log
  }

  onPhaseStart(): void {
    this.#entered = true
    this.#inPhase = true
  }

  onStep(task: Task): void {
    if (!task.train) return
    const every = task.config.CHECKPOINT.CHECKPOINT_ITER_FREQUENCY
    this.#due ||= every > 0 && task.iteration % every === 0
    if (!this.#due || !task.updates.settled) return
    this.#due = false
    this.#save(task, iterationName(task.iteration), true)
  }

  onPhaseEnd(task: Task): void {
    this.#inPhase = false
    if (!task.train) return
    const final = task.trainPhaseIdx === task.trainPhases - 1
    if (!final && task.phaseIdx % task.config.CHECKPOINT.CHECKPOINT_FREQUENCY !== 0) return
    this.#save(task, phaseName(task.phaseIdx, final), false)
  }

  onStop(task: Task): void {
    if (!this.#entered || task.iteration === 0) return
    // After the last batch of an epoch its phase is done, even where a failure has kept its end from being reached.
    this.#save(task, iterationName(task.iteration), this.#inPhase && !(task.train && task.epochDone))
  }

  #save(task: Task, name: string, midEpoch: boolean): void {
    const held = `${task.phaseIdx - (midEpoch ? 1 : 0)}:${task.iteration}`
    if (task.rank !== 0 || held === this.#held) return
    this.#held = held
    const path = join(this.#folder, name)
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
      },
      midEpoch,
    )
    saveTorchFile(path, state)
    pointLink(this.#folder, name)
    task.lastCheckpoint = path
    this.#log.info(`saved ${path}`)
  }
}
