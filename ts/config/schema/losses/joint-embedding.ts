import { z } from 'zod'
import { count, flag, group, nonNegative, own, positive } from '../fields.ts'

/** `LOSS.barlow_twins_loss`. */
export const barlowTwinsParams = group(
  {
    lambda_: nonNegative(0.0051, 'λ, weight of the off-diagonal elements'),
    scale_loss: positive(0.024, 'factor on the whole loss'),
    embedding_dim: count(8192, 'D, length of an embedding'),
  },
  'Barlow Twins (VISSL 0.1.6)',
)

/** `LOSS.vicreg_loss`. */
export const vicregParams = group(
  {
    invariance_weight: nonNegative(25, 'weight of the distance between the views'),
    variance_weight: nonNegative(25, 'weight of the hinge on standard deviations'),
    covariance_weight: nonNegative(1, 'weight of the off-diagonal covariances'),
    gamma: positive(1, 'standard deviation that is asked for'),
    eps: positive(1e-4, 'added to variances'),
  },
  own('VICReg'),
)

/** `LOSS.byol_loss`. */
export const byolParams = group(
  {
    momentum: z
      .number()
      .min(0)
      .max(1)
      .default(0.996)
      .describe('of the moving average of weights at the start'),
  },
  own('BYOL'),
)

/** `LOSS.simsiam_loss`. */
export const simsiamParams = group({}, own('SimSiam'))

/** `LOSS.mae_loss`. */
export const maeParams = group(
  {
    mask_ratio: z
      .number()
      .min(0)
      .lt(1)
      .default(0.75)
      .describe('share of the patches that the trunk does not see'),
    norm_pix_loss: flag(true, 'targets are patches of mean 0 and variance 1'),
  },
  own('MAE'),
)

/** Head `mae_decoder`. */
export const maeDecoderParams = z.strictObject({
  in_dim: z.int().min(1).describe('width of the trunk’s tokens'),
  dim: z.int().min(4).default(512).describe('width of the decoder’s tokens; a multiple of 4 and of heads'),
  depth: z.int().min(1).default(8).describe('blocks'),
  heads: z.int().min(1).default(16).describe('attention heads'),
  patch_size: z.int().min(1).default(16).describe('pixels a side of a patch: that of the trunk'),
})
