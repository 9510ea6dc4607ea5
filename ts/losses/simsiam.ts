import type { z } from 'zod'
import { simsiamParams } from '../config/schema/losses/index.ts'
import type { Tensor } from '../engine/index.ts'
import { functional } from '../nn/index.ts'
import { Loss, type LossContext, losses } from './loss.ts'
import { requireTwoViews, twoTargets, twoViews } from './views.ts'

const KEY = 'simsiam_loss'

/**
 * SimSiam (Chen & He 2021, arXiv:2011.10566): the prediction of each view shall point where the projection of the
 * other view points; no gradient flows into the projections.
 *
 * Input: predictions 2B×D of the model's last head, all first views and then all second views. A hook gives what that
 * head was given as {@link projection}. Output: a scalar, −½(cos(p₁, z₂) + cos(p₂, z₁)), mean over the batch.
 *
 * @throws VisslError for an odd number of rows, or a predictor that is not as wide as the projection
 */
export class SimsiamLoss extends Loss<z.output<typeof simsiamParams>> {
  static readonly key = KEY
  static readonly params = simsiamParams

  /** 2B×D: what the predictor was given. Set before each call. */
  projection: Tensor | undefined

  override check(context: LossContext): void {
    requireTwoViews(KEY, context)
  }

  override forward(output: Tensor | Tensor[]): Tensor {
    const [p1, p2] = twoViews(KEY, output)
    const [z1, z2] = twoTargets(KEY, this.projection, 'the projection', p1.shape[1]!)
    return cosine(p1, z2).add(cosine(p2, z1)).mul(-0.5)
  }
}

/** Mean cosine of the angles between rows. */
export function cosine(a: Tensor, b: Tensor): Tensor {
  return functional.normalize(a).mul(functional.normalize(b)).sum([1]).mean()
}

losses.register(KEY, SimsiamLoss)
