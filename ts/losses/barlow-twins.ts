import type { z } from 'zod'
import { barlowTwinsParams } from '../config/schema/losses/index.ts'
import { gather, worldSize } from '../distributed/index.ts'
import type { Tensor } from '../engine/index.ts'
import { Loss, type LossContext, losses } from './loss.ts'
import { requireBatch, requireTwoViews, twoViews } from './views.ts'

const KEY = 'barlow_twins_loss'
const EPS = 1e-5

/**
 * Barlow Twins (Zbontar et al. 2021, arXiv:2103.03230): the cross-correlation of the two views' embeddings, over the
 * batch of all processes, shall be the identity.
 *
 * Input: 2B×D embeddings, all first views and then all second views. Output: a scalar,
 * s·(Σᵢ(Cᵢᵢ−1)² + λ·Σ_{i≠j}Cᵢⱼ²). Every dimension is first scaled to mean 0 and variance 1 over both views together,
 * as VISSL 0.1.6 does.
 *
 * @throws VisslError for an odd number of rows or another embedding length
 */
export class BarlowTwinsLoss extends Loss<z.output<typeof barlowTwinsParams>> {
  static readonly key = KEY
  static readonly params = barlowTwinsParams

  override check(context: LossContext): void {
    requireTwoViews(KEY, context)
    requireBatch(KEY, context, 2)
  }

  override forward(output: Tensor | Tensor[]): Tensor {
    const { lambda_, scale_loss, embedding_dim: dim } = this.params
    twoViews(KEY, output, dim)
    const all = gather(output as Tensor)
    const [rows] = all.shape as [number]
    const centered = all.sub(all.mean([0], true))
    const unit = centered.div(centered.pow(2).mean([0], true).add(EPS).sqrt())
    const images = rows / 2
    const views = unit.view([worldSize(), 2, images / worldSize(), dim])
    const [a, b] = [0, 1].map((view) => views.select(1, view).reshape([images, dim])) as [Tensor, Tensor]
    const correlation = a.t().mm(b).div(images)
    const diagonal = correlation.diagonal()
    const onDiagonal = diagonal.sub(1).pow(2).sum()
    const offDiagonal = correlation.pow(2).sum().sub(diagonal.pow(2).sum())
    return onDiagonal.add(offDiagonal.mul(lambda_)).mul(scale_loss)
  }
}

losses.register(KEY, BarlowTwinsLoss)
