import { setTimeout as wait } from 'node:timers/promises'
import { largestOf, worldGroup, worldSize } from '../distributed/index.ts'
import { tellApp, tellEvent, wishes } from '../logging/app-channel.ts'
import type { Progress, RunFolder } from '../logging/index.ts'
import type { Hook } from '../train/hook.ts'
import type { Task } from '../train/task.ts'
import type { CheckpointHook } from './checkpoint.ts'

/** What the hook reports of, and what it has do the saving. */
export interface EventsServices {
  readonly folder: RunFolder
  readonly progress: Progress
  readonly checkpoint: CheckpointHook
}

/** Milliseconds between two looks at whether a pause is over. */
const LOOK = 50
/** A wish as one number, on which all processes agree. */
const SAVE = 1
const PAUSE = 2

/**
 * Tells the app that started this run what happens, and does what it asks between steps: pause, go on, save. Every
 * process of a run has this hook, since all of them pause and save together; the first one alone speaks and listens.
 */
export class EventsHook implements Hook {
  readonly name = 'events'
  readonly #services: EventsServices

  constructor(services: EventsServices) {
    this.#services = services
    services.checkpoint.onSaved = (path) => tellEvent({ type: 'checkpoint', path })
  }

  async onStart(task: Task): Promise<void> {
    if (task.rank === 0) {
      const { trainPhases: epochs, iteration: step, maxIteration: steps } = task
      tellEvent({ type: 'start', folder: this.#services.folder.path, steps, epochs, step })
    }
    await this.#obey(task, false)
  }

  onPhaseStart(task: Task): void {
    tellPhase(task, 'begin')
  }

  onPhaseEnd(task: Task): void {
    tellPhase(task, 'end')
  }

  async onStep(task: Task): Promise<void> {
    if (task.train && task.rank === 0) this.#tellStep(task)
    await this.#obey(task, true)
  }

  #tellStep(task: Task): void {
    const { iteration: step, maxIteration: steps, optimizer } = task
    const { imagesPerSecond } = this.#services.progress
    const images = task.step.batchSize * worldSize()
    tellEvent({
      type: 'step',
      step,
      steps,
      done: step / steps,
      epoch: task.trainPhaseIdx + 1,
      loss: task.step.loss,
      lr: optimizer.groups[0]?.lr ?? 0,
      imagesPerSecond,
      eta: imagesPerSecond === 0 ? 0 : ((steps - step) * images) / imagesPerSecond,
    })
  }

  /**
   * Saves where that is wished, and stays here as long as a pause is; a stop ends a pause.
   *
   * @param canSave false before the first phase, where a wish waits for the first step
   */
  async #obey(task: Task, canSave: boolean): Promise<void> {
    for (;;) {
      // Gradients that gather over several batches are in no checkpoint.
      if (!task.updates.settled) return
      const wish = largestOf(worldGroup(), task.rank === 0 ? wishOf(task, canSave) : 0)
      if ((wish & SAVE) > 0) await this.#save(task)
      if ((wish & PAUSE) === 0) return
      if (wishes.pauses > 0) tellApp({ type: 'paused' })
      wishes.pauses = 0
      await wait(LOOK)
    }
  }

  async #save(task: Task): Promise<void> {
    const count = wishes.saves
    wishes.saves = 0
    if (task.iteration === 0) {
      tellApp({ type: 'saved', count, path: undefined })
      return
    }
    const written = await this.#services.checkpoint.saveNow(task)
    if (task.rank !== 0) return
    // A file that cannot be written ends the run, which says why.
    void written().then(
      () => tellApp({ type: 'saved', count, path: task.lastCheckpoint }),
      () => {},
    )
  }
}

const wishOf = (task: Task, canSave: boolean): number =>
  (wishes.saves > 0 && canSave ? SAVE : 0) + (wishes.pause && task.stopRequest === undefined ? PAUSE : 0)

function tellPhase(task: Task, state: 'begin' | 'end'): void {
  if (task.rank !== 0) return
  tellEvent({
    type: 'phase',
    phase: task.train ? 'train' : 'test',
    state,
    epoch: Math.max(0, task.trainPhaseIdx) + 1,
    epochs: task.trainPhases,
    ...(state === 'end' ? { loss: task.meanLoss } : {}),
  })
}
