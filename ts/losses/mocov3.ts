import type { z } from 'zod'
import { mocov3Params } from '../config/schema/losses/index.ts'
import { gather, rank } from '../distributed/index.ts'
import { noGrad, ops, type Tensor } from '../engine/index.ts'
import { functional } from '../nn/index.ts'
import { type LossContext, losses } from './loss.ts'
import { MomentumLoss } from './momentum.ts'
import { requireBatch, requireTwoViews, twoTargets, twoViews } from './views.ts'

const KEY = 'mocov3_loss'

/**
 * MoCo v3 (Chen et al. 2021, arXiv:2104.02057): the prediction of each view must pick, among the keys of the whole
 * batch of all processes, the one that a slowly moving network makes of the other view.
 *
 * Input: predictions 2B×D of the model's last head, all first views and then all second views. A hook runs the slow
 * network, which lacks that head, and sets {@link teacher} (2B×D). Output: a scalar, the sum over both directions of
 * 2τ times the mean cross entropy of q·kᵀ/τ.
 *
 * @throws VisslError for an odd number of rows, or a predictor that is not as wide as the keys
 */
export class MocoV3Loss extends MomentumLoss<z.output<typeof mocov3Params>> {
  static readonly key = KEY
  static readonly params = mocov3Params

  readonly encoderName = 'momentum_teacher'
  /** Set before each call. */
  teacher: Tensor | undefined

  override check(context: LossContext): void {
    requireTwoViews(KEY, context)
    requireBatch(KEY, context, 2)
  }

  override forward(output: Tensor | Tensor[]): Tensor {
    const [q1, q2] = twoViews(KEY, output)
    const [k1, k2] = twoTargets(KEY, this.teacher, 'the output of the momentum teacher', q1.shape[1]!)
    return this.#contrast(q1, k2).add(this.#contrast(q2, k1))
  }

  #contrast(queries: Tensor, own: Tensor): Tensor {
    const { temperature } = this.params
    const [rows] = queries.shape as [number]
    const keys = noGrad(() => gather(functional.normalize(own)))
    const logits = functional.normalize(queries).mm(keys.to(queries.dtype).t()).div(temperature)
    const target = ops.arange(rows, { dtype: 'int64', device: queries.device }).add(rank() * rows)
    return functional.crossEntropy(logits, target).mul(2 * temperature)
  }
}

losses.register(KEY, MocoV3Loss)
