import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { toStored } from '../../checkpoint/contents.ts'
import { saveTorchFile } from '../../checkpoint/torch-file.ts'
import { noGrad } from '../../engine/index.ts'
import type { SwavLoss } from '../../losses/index.ts'
import { Hook } from '../../train/hook.ts'
import type { Task } from '../../train/task.ts'
import { normalizePrototypes, prototypesOf } from './prototypes.ts'

/** Brings the scores of SwAV's queue up to date with the current prototypes, once the queue was used. */
export class SwavQueueScoresHook extends Hook {
  readonly name = 'swav-queue-scores'
  readonly #loss: SwavLoss

  constructor(loss: SwavLoss) {
    super()
    this.#loss = loss
  }

  override onForward(task: Task): void {
    const { swav_criterion: state } = this.#loss
    const embeddings = state.embeddingQueue
    if (!task.train || embeddings === null || !state.usedQueue) return
    noGrad(() => {
      for (const [head, prototypes] of prototypesOf(task.model).entries()) {
        state.scoreQueues[head]?.copy_(prototypes.call(embeddings))
      }
    })
  }
}

/** Scales the model's prototypes to length 1 after every update. */
export class NormalizePrototypesHook extends Hook {
  readonly name = 'normalize-prototypes'

  override onUpdate(task: Task): void {
    normalizePrototypes(task.model)
  }
}

/**
 * Keeps what SwAV's loss saw when it becomes NaN: `rankR_scoresC.pth` and `rankR_assignmentsC.pth` for every crop C that
 * gives codes, in the folder of `output_dir`. The hook that checks for NaN ends the run afterwards.
 */
export class SwavNanHook extends Hook {
  readonly name = 'swav-nan'
  readonly #loss: SwavLoss

  constructor(loss: SwavLoss) {
    super()
    this.#loss = loss
  }

  override onLossAndMeter(task: Task): void {
    const { output, loss } = task.step
    if (!Number.isNaN(loss) || !Array.isArray(output)) return
    const folder = this.#loss.params.output_dir
    const scores = output[1]
    if (folder === '' || scores === undefined) return
    try {
      mkdirSync(folder, { recursive: true })
      for (const [crop, assignments] of this.#loss.codesOf(scores.detach(), 0)) {
        const rows = assignments.shape[0]!
        const file = (what: string) => join(folder, `rank${task.rank}_${what}${crop}.pth`)
        saveTorchFile(file('scores'), toStored(scores.narrow(0, crop * rows, rows).clone()))
        saveTorchFile(file('assignments'), toStored(assignments))
      }
    } catch {
      // The run ends for another reason, which the next hook reports.
    }
  }
}
