import type { z } from 'zod'
import { multicropSimclrParams } from '../config/schema/losses/index.ts'
import { ops, type Tensor } from '../engine/index.ts'
import { functional } from '../nn/index.ts'
import { Loss, type LossContext, losses } from './loss.ts'
import { lossError, matrix, rowsPerCrop } from './messages.ts'
import { requireNegatives } from './simclr.ts'

/**
 * SimCLR's loss (Chen et al. 2020, arXiv:2002.05709) over C ≥ 2 crops of every image: each embedding must tell each of
 * the C−1 other crops of its image from the crops of all other images of this process. (Like VISSL, negatives come
 * from the own process only.)
 *
 * Input: C·B×D embeddings, crop by crop, of any scale. Output: a scalar, the mean over the pairs (i, p) of crops of
 * one image of −log(exp(s_ip/τ) / (exp(s_ip/τ) + Σ_n exp(s_in/τ))), n running over the embeddings of other images.
 *
 * @throws VisslError for rows that are no multiple of the crops, or another embedding length
 */
export class MulticropSimclrInfoNceLoss extends Loss<z.output<typeof multicropSimclrParams>> {
  static readonly key = 'multicrop_simclr_info_nce_loss'
  static readonly params = multicropSimclrParams

  constructor(params?: unknown) {
    super(params)
    this.#requireCrops(this.params.num_crops)
  }

  override check({ batchSize, crops }: LossContext): void {
    const { num_crops } = this.params
    requireNegatives(MulticropSimclrInfoNceLoss.key, batchSize)
    requireCropCount(MulticropSimclrInfoNceLoss.key, num_crops, crops)
  }

  override forward(embeddings: Tensor | Tensor[]): Tensor {
    const name = MulticropSimclrInfoNceLoss.key
    const { num_crops: crops, temperature, buffer_params } = this.params
    const [rows] = matrix(name, embeddings, buffer_params.embedding_dim)
    const images = rowsPerCrop(name, rows, crops)
    const z = functional.normalize(embeddings as Tensor)
    const similarities = z.mm(z.t()).div(temperature)
    const image = ops.arange(rows, { dtype: 'int64', device: z.device }).remainder(images)
    const sameImage = image.unsqueeze(1).eq(image.unsqueeze(0))
    const negatives = similarities.masked_fill(sameImage, -Infinity).logsumexp([1], true)
    const positives = similarities.gather(1, otherCrops(rows, images, z))
    return ops.logaddexp(positives, negatives).sub(positives).mean()
  }

  #requireCrops(crops: number): void {
    if (crops >= 2) return
    throw lossError(
      MulticropSimclrInfoNceLoss.key,
      `num_crops is ${crops}: one crop has no positive`,
      'use a first transform with total_num_crops of 2 or more',
    )
  }
}

/** L×(C−1) int64: for each row the rows of the other crops of its image. */
function otherCrops(rows: number, images: number, like: Tensor): Tensor {
  const options = { dtype: 'int64', device: like.device } as const
  const own = ops.arange(rows, options).unsqueeze(1)
  const shifts = ops
    .arange(1, rows / images, options)
    .mul(images)
    .unsqueeze(0)
  return own.add(shifts).remainder(rows)
}

/** @throws VisslError when the transforms make another number of crops than the loss expects */
export function requireCropCount(loss: string, expected: number, crops: number): void {
  if (expected === crops) return
  throw lossError(
    loss,
    `num_crops is ${expected}, and the transforms make ${crops}`,
    `set config.LOSS.${loss}.num_crops=${crops}, or change total_num_crops of the first transform`,
  )
}

losses.register(MulticropSimclrInfoNceLoss.key, MulticropSimclrInfoNceLoss)
