import { join } from 'node:path'
import { iterationName, phaseName, pointLink } from '../checkpoint/names.ts'
import { saveTorchFile } from '../checkpoint/torch-file.ts'
import { captureState } from '../checkpoint/training-state.ts'
import type { Log } from '../logging/index.ts'
import type { Hook } from '../train/hook.ts'
import type { Task } from '../train/task.ts'

/** Saves after training phases, every so many steps where asked, and when a run is stopped. */
export class CheckpointHook implements Hook {
  readonly name = 'checkpoint'
  readonly #folder: string
  readonly #log: Log
  /** Whether this process has entered a phase; before that there is nothing that the resumed file lacks. */
  #entered = false

  /** @param folder where the files go, created by the caller */
  constructor(folder: string, log: Log) {
    this.#folder = folder
    this.#log = log
  }

  onPhaseStart(): void {
    this.#entered = true
  }

  onStep(task: Task): void {
    const every = task.config.CHECKPOINT.CHECKPOINT_ITER_FREQUENCY
    if (task.train && every > 0 && task.iteration % every === 0) {
      this.#save(task, iterationName(task.iteration), true)
    }
  }

  onPhaseEnd(task: Task): void {
    if (!task.train) return
    const final = task.trainPhaseIdx === task.trainPhases - 1
    if (!final && task.phaseIdx % task.config.CHECKPOINT.CHECKPOINT_FREQUENCY !== 0) return
    this.#save(task, phaseName(task.phaseIdx, final), false)
  }

  onStop(task: Task): void {
    if (!this.#entered || task.iteration === 0) return
    // After the last batch of an epoch the phase is done, although its end has not been reached.
    const done = task.train && task.iteration === (task.trainPhaseIdx + 1) * (task.trainLoader?.batches ?? 0)
    this.#save(task, iterationName(task.iteration), !done)
  }

  #save(task: Task, name: string, midEpoch: boolean): void {
    const path = join(this.#folder, name)
    const state = captureState(
      {
        model: task.model,
        loss: task.loss,
        optimizer: task.optimizer,
        progress: task,
        train: task.train,
        losses: task.losses,
      },
      midEpoch,
    )
    saveTorchFile(path, state)
    pointLink(this.#folder, name)
    task.lastCheckpoint = path
    this.#log.info(`saved ${path}`)
  }
}
