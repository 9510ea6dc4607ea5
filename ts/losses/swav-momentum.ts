import type { z } from 'zod'
import { swavMomentumParams } from '../config/schema/losses/index.ts'
import { isGradEnabled, type Tensor, type TensorBuffer } from '../engine/index.ts'
import { type LossContext, losses } from './loss.ts'
import { lossError, rowsPerCrop } from './messages.ts'
import { MomentumLoss } from './momentum.ts'
import { checkSwav, mean, swavOutputs, swavState } from './swav.ts'
import { type CropCodes, codes, swappedPrediction } from './swav-codes.ts'
import type { SwavState } from './swav-state.ts'

/** What the momentum encoder says about the crops that give codes (A crops, crop by crop). */
export interface SwavTeacher {
  /** A·B×D. */
  readonly embeddings: Tensor
  /** A·B×K for each head. */
  readonly scores: readonly Tensor[]
  /** A×M×K for each head: scores of the queued embeddings, while the queue is used. */
  readonly queueScores?: readonly Tensor[]
}

/**
 * SwAV (Caron et al. 2020, arXiv:2006.09882) whose codes come from a momentum encoder (He et al. 2020,
 * arXiv:1911.05722). Input as of `swav_loss`; a hook runs the encoder and sets {@link teacher} before each call.
 *
 * The queue takes whole crops: VISSL slices the encoder's embeddings by all crops, although it sees only those that
 * give codes, and so keeps a fraction of them.
 *
 * @throws VisslError for outputs that do not fit the parameters
 */
export class SwavMomentumLoss extends MomentumLoss<z.output<typeof swavMomentumParams>> {
  static readonly key = 'swav_momentum_loss'
  static readonly params = swavMomentumParams

  readonly encoderName = 'momentum_encoder'
  /** Set before each call. */
  teacher: SwavTeacher | undefined
  readonly #state: SwavState

  constructor(params?: unknown) {
    super(params)
    this.#state = swavState(SwavMomentumLoss.key, this.params, false)
  }

  /** Iterations done and the queue of embeddings. */
  get state(): SwavState {
    return this.#state
  }

  override *ownTensors(): Generator<[string, TensorBuffer]> {
    yield* this.#state.ownTensors()
  }

  override check(context: LossContext): void {
    checkSwav(SwavMomentumLoss.key, this.params, context)
  }

  override forward(output: Tensor | Tensor[]): Tensor {
    const { teacher } = this
    const name = SwavMomentumLoss.key
    if (teacher === undefined) throw lossError(name, 'the momentum encoder has not run; use it with its hook')
    const { num_crops, temperature } = this.params
    const { scores, rows } = swavOutputs(name, output, this.params)
    const values = scores.map((each, head) =>
      swappedPrediction(each, num_crops, temperature, this.#codesOf(teacher, head, rows)),
    )
    if (isGradEnabled()) {
      const positions = this.params.crops_for_assign.map((_, i) => i)
      this.#state.advance(teacher.embeddings, positions, rows)
    }
    return mean(values)
  }

  #codesOf(teacher: SwavTeacher, head: number, rows: number): CropCodes[] {
    const { crops_for_assign, epsilon, num_iters } = this.params
    const scores = teacher.scores[head]!
    const given = rowsPerCrop(SwavMomentumLoss.key, scores.shape[0]!, crops_for_assign.length)
    if (given !== rows) {
      throw lossError(SwavMomentumLoss.key, `the momentum encoder saw ${given} images and the model ${rows}`)
    }
    const queued = this.#state.usesQueue ? teacher.queueScores?.[head] : undefined
    return crops_for_assign.map((crop, i) => [
      crop,
      codes(scores.narrow(0, i * rows, rows), queued?.select(0, i), { epsilon, iterations: num_iters }),
    ])
  }
}

losses.register(SwavMomentumLoss.key, SwavMomentumLoss)
