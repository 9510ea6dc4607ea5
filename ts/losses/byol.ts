import type { z } from 'zod'
import { byolParams } from '../config/schema/losses/index.ts'
import type { Tensor } from '../engine/index.ts'
import { type LossContext, losses } from './loss.ts'
import { MomentumLoss } from './momentum.ts'
import { cosine } from './simsiam.ts'
import { requireTwoViews, twoTargets, twoViews } from './views.ts'

const KEY = 'byol_loss'

/**
 * BYOL (Grill et al. 2020, arXiv:2006.07733): the prediction of each view shall point where a slowly moving network
 * projects the other view.
 *
 * Input: predictions 2B×D of the model's last head, all first views and then all second views. A hook runs the slow
 * network, which lacks that head, and sets {@link teacher} (2B×D). Output: a scalar, the sum over both directions of
 * the mean of 2 − 2·cos.
 *
 * @throws VisslError for an odd number of rows, or a predictor that is not as wide as the projection
 */
export class ByolLoss extends MomentumLoss<z.output<typeof byolParams>> {
  static readonly key = KEY
  static readonly params = byolParams

  readonly encoderName = 'momentum_teacher'
  /** Set before each call. */
  teacher: Tensor | undefined

  override check(context: LossContext): void {
    requireTwoViews(KEY, context)
  }

  override forward(output: Tensor | Tensor[]): Tensor {
    const [p1, p2] = twoViews(KEY, output)
    const [z1, z2] = twoTargets(KEY, this.teacher, 'the output of the momentum teacher', p1.shape[1]!)
    return cosine(p1, z2).add(cosine(p2, z1)).mul(-2).add(4)
  }
}

losses.register(KEY, ByolLoss)
