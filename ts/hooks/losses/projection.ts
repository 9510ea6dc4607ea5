import type { Tensor } from '../../engine/index.ts'
import type { NnclrLoss, SimsiamLoss } from '../../losses/index.ts'
import { Hook } from '../../train/hook.ts'
import type { Task } from '../../train/task.ts'
import { requirePredictor } from './teacher.ts'

/**
 * Gives SimSiam and NNCLR what the model's last head, the predictor, was given: the output of the head before it,
 * without gradients.
 */
export class ProjectionHook extends Hook {
  readonly name = 'projection'
  readonly #loss: SimsiamLoss | NnclrLoss
  #remove: (() => void) | undefined

  constructor(loss: SimsiamLoss | NnclrLoss) {
    super()
    this.#loss = loss
  }

  override onStart({ model }: Task): void {
    const count = requirePredictor(model).length
    this.#remove?.()
    this.#remove = model.heads.at(count - 2)!.registerForwardHook((_head, _inputs, output) => {
      this.#loss.projection?.free()
      this.#loss.projection = (output as Tensor).detach().keep()
      return undefined
    })
  }

  override onLossAndMeter(): void {
    this.#loss.projection?.free()
    this.#loss.projection = undefined
  }

  override onEnd(): void {
    this.#remove?.()
    this.onLossAndMeter()
  }
}
