import {
  type ByolLoss,
  cosineMomentum,
  type DinoLoss,
  followParameters,
  type MocoV3Loss,
} from '../../losses/index.ts'
import { Hook } from '../../train/hook.ts'
import type { Task } from '../../train/task.ts'
import { normalizePrototypes } from './prototypes.ts'
import { cropsOf, provideTeacher, runTeacher, type TeacherOptions } from './teacher.ts'

/**
 * The slowly moving network of BYOL and MoCo v3: made before the first step as a copy of the model without its last
 * head, run on the whole batch before the loss, and moved after every update, with a momentum that rises along a half
 * cosine to 1. Like the model it trains with the statistics of its own batches.
 */
export class MomentumTeacherHook extends Hook {
  readonly name = 'momentum-teacher'
  readonly #loss: ByolLoss | MocoV3Loss

  constructor(loss: ByolLoss | MocoV3Loss) {
    super()
    this.#loss = loss
  }

  override onStart(task: Task): void {
    provideTeacher(task, this.#loss, options(task, true))
  }

  override onForward(task: Task): void {
    const { teacher } = provideTeacher(task, this.#loss, options(task, true))
    teacher.train(task.train)
    this.#loss.teacher = runTeacher(task, teacher, task.step.input).at(-1)!
  }

  override onLossAndMeter(): void {
    this.#loss.teacher = undefined
  }

  override onUpdate(task: Task): void {
    followParameters(this.#loss.encoder!, task.model, momentumOf(task, this.#loss.params.momentum))
  }
}

/**
 * DINO's teacher: as {@link MomentumTeacherHook}, but with all heads and run on `crops_for_teacher`. Prototypes are
 * scaled to length 1 before the first step and after every update.
 */
export class DinoHook extends Hook {
  readonly name = 'dino'
  readonly #loss: DinoLoss

  constructor(loss: DinoLoss) {
    super()
    this.#loss = loss
  }

  override onStart(task: Task): void {
    const isNewRun = task.iteration === 0
    if (isNewRun && this.#loss.params.normalize_last_layer) normalizePrototypes(task.model)
    provideTeacher(task, this.#loss, options(task, false))
  }

  override onForward(task: Task): void {
    const loss = this.#loss
    const { teacher } = provideTeacher(task, loss, options(task, false))
    teacher.train(task.train)
    loss.teacher = runTeacher(task, teacher, cropsOf(task, loss.params.crops_for_teacher)).at(-1)!
    loss.iteration = task.iteration
  }

  override onLossAndMeter(): void {
    this.#loss.teacher = undefined
  }

  override onUpdate(task: Task): void {
    const { normalize_last_layer, momentum } = this.#loss.params
    if (normalize_last_layer) normalizePrototypes(task.model)
    followParameters(this.#loss.encoder!, task.model, momentumOf(task, momentum))
  }
}

/** The momentum of the update that was done. */
function momentumOf(task: Task, base: number): number {
  return cosineMomentum(base, task.iteration / Math.max(1, task.maxIteration))
}

function options({ config }: Task, withoutPredictor: boolean): TeacherOptions {
  return {
    withoutPredictor,
    copyStatistics: true,
    synchronized: config.MODEL.SYNC_BN_CONFIG.CONVERT_BN_TO_SYNC_BN,
  }
}
