import { noGrad } from '../../engine/index.ts'
import { copyStatistics, followParameters, type SwavMomentumLoss } from '../../losses/index.ts'
import type { SslModel } from '../../models/index.ts'
import { Hook } from '../../train/hook.ts'
import type { Task } from '../../train/task.ts'
import { normalizePrototypes, prototypesOf } from './prototypes.ts'
import { cropsOf, provideTeacher, runTeacher } from './teacher.ts'

/**
 * SwAV's momentum encoder: made at the first training batch, afterwards moved towards the model at every one (running
 * statistics are copied), and run on the crops that give codes before the loss.
 */
export class SwavMomentumHook extends Hook {
  readonly name = 'swav-momentum'
  readonly #loss: SwavMomentumLoss

  constructor(loss: SwavMomentumLoss) {
    super()
    this.#loss = loss
  }

  override onForward(task: Task): void {
    const loss = this.#loss
    const { momentum, momentum_eval_mode_iter_start: evalFrom, crops_for_assign } = loss.params
    const { teacher, isNew } = provideTeacher(task, loss, { copyStatistics: true, synchronized: true })
    if (!isNew && task.train) {
      followParameters(teacher, task.model, momentum)
      copyStatistics(teacher, task.model)
    }
    teacher.train(task.train && loss.state.iteration < evalFrom)
    const [embeddings, ...scores] = runTeacher(task, teacher, cropsOf(task, crops_for_assign))
    const queueScores = this.#queueScores(teacher)
    loss.teacher = { embeddings: embeddings!, scores, ...(queueScores === undefined ? {} : { queueScores }) }
  }

  override onLossAndMeter(): void {
    this.#loss.teacher = undefined
  }

  #queueScores(teacher: SslModel) {
    const { usesQueue, embeddingQueue } = this.#loss.state
    if (!usesQueue || embeddingQueue === null) return undefined
    return noGrad(() => prototypesOf(teacher).map((prototypes) => prototypes.call(embeddingQueue)))
  }
}

/** Scales the prototypes of model and momentum encoder to length 1 after every update. */
export class SwavMomentumNormalizePrototypesHook extends Hook {
  readonly name = 'swav-momentum-normalize-prototypes'
  readonly #loss: SwavMomentumLoss

  constructor(loss: SwavMomentumLoss) {
    super()
    this.#loss = loss
  }

  override onUpdate(task: Task): void {
    normalizePrototypes(task.model)
    if (this.#loss.encoder !== null) normalizePrototypes(this.#loss.encoder)
  }
}
