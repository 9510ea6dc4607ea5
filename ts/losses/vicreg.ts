import type { z } from 'zod'
import { vicregParams } from '../config/schema/losses/index.ts'
import { gather, worldSize } from '../distributed/index.ts'
import type { Tensor } from '../engine/index.ts'
import { functional } from '../nn/index.ts'
import { Loss, type LossContext, losses } from './loss.ts'
import { requireBatch, requireTwoViews, twoViews } from './views.ts'

const KEY = 'vicreg_loss'

/**
 * VICReg (Bardes et al. 2022, arXiv:2105.04906): the two views' embeddings shall be close, every dimension shall vary
 * (standard deviation of at least γ over the batch), and dimensions shall not covary.
 *
 * Input: 2B×D embeddings, all first views and then all second views. Output: a scalar, the weighted sum of the mean
 * squared distance, of the mean hinge max(0, γ − √(var+ε)) (averaged over the views), and of the squared off-diagonal
 * covariances over D (summed over the views). Variances and covariances are unbiased and over all processes.
 *
 * @throws VisslError for an odd number of rows
 */
export class VicregLoss extends Loss<z.output<typeof vicregParams>> {
  static readonly key = KEY
  static readonly params = vicregParams

  override check(context: LossContext): void {
    requireTwoViews(KEY, context)
    requireBatch(KEY, context, 2)
  }

  override forward(output: Tensor | Tensor[]): Tensor {
    const { invariance_weight, variance_weight, covariance_weight } = this.params
    const views = twoViews(KEY, output)
    const invariance = functional.mseLoss(views[0], views[1])
    const all = views.map((view) => (worldSize() === 1 ? view : gather(view.contiguous())))
    const [a, b] = all.map((view) => this.#spread(view)) as [Spread, Spread]
    return invariance
      .mul(invariance_weight)
      .add(a.variance.add(b.variance).mul(variance_weight / 2))
      .add(a.covariance.add(b.covariance).mul(covariance_weight))
  }

  #spread(view: Tensor): Spread {
    const [rows, dim] = view.shape as [number, number]
    const centered = view.sub(view.mean([0], true))
    const variances = centered
      .pow(2)
      .sum([0])
      .div(rows - 1)
    const hinge = variances.add(this.params.eps).sqrt().neg().add(this.params.gamma).relu()
    const covariances = centered
      .t()
      .mm(centered)
      .div(rows - 1)
    const offDiagonal = covariances.pow(2).sum().sub(covariances.diagonal().pow(2).sum())
    return { variance: hinge.mean(), covariance: offDiagonal.div(dim) }
  }
}

interface Spread {
  readonly variance: Tensor
  readonly covariance: Tensor
}

losses.register(KEY, VicregLoss)
