import type { z } from 'zod'
import { maeParams } from '../config/schema/losses/index.ts'
import { noGrad, type Tensor } from '../engine/index.ts'
import { Loss, losses } from './loss.ts'
import { lossError } from './messages.ts'
import { requireGiven } from './views.ts'

const KEY = 'mae_loss'
const EPS = 1e-6

/** What the model was given. */
export interface MaskedImages {
  /** N×C×H×W. */
  readonly images: Tensor
  /** N×P: 1 for a patch that the trunk did not see, else 0. */
  readonly mask: Tensor
}

/**
 * Masked autoencoder (He et al. 2022, arXiv:2111.06377): the pixels of the patches that the trunk did not see.
 *
 * Input: predictions N×P×(p²·C) of a `mae_decoder`, pixel by pixel from top left. A hook masks the patches and sets
 * {@link given}. Output: a scalar, the mean squared error over the masked patches; with `norm_pix_loss` every patch is
 * first scaled to mean 0 and variance 1.
 *
 * @throws VisslError for predictions that do not fit the images
 */
export class MaeLoss extends Loss<z.output<typeof maeParams>> {
  static readonly key = KEY
  static readonly params = maeParams

  /** Set before each call. */
  given: MaskedImages | undefined

  override forward(output: Tensor | Tensor[]): Tensor {
    const { images, mask } = requireGiven(KEY, this.given, 'the mask')
    const shape = Array.isArray(output) ? [] : output.shape
    const [batch, channels, height, width] = images.shape as [number, number, number, number]
    const patch = Math.sqrt((shape[2] ?? 0) / channels)
    const fits = shape[0] === batch && patch > 0 && shape[1] === (height / patch) * (width / patch)
    if (!fits || Array.isArray(output)) {
      throw lossError(
        KEY,
        `predictions ${shape.join('×')} do not fit images ${images.shape.join('×')}`,
        'use one mae_decoder head with the patch size of the trunk',
      )
    }
    const target = noGrad(() => this.#target(patches(images, patch)))
    const errors = output.sub(target.to(output.dtype)).pow(2).mean([-1])
    return errors.mul(mask).sum().div(mask.sum())
  }

  #target(pixels: Tensor): Tensor {
    if (!this.params.norm_pix_loss) return pixels
    const mean = pixels.mean([-1], true)
    const centered = pixels.sub(mean)
    const variance = centered
      .pow(2)
      .sum([-1], true)
      .div(pixels.shape[2]! - 1)
    return centered.div(variance.add(EPS).sqrt())
  }
}

/** N×C×H×W → N×P×(p²·C), patches row by row, in each the pixels row by row, in each the channels. */
export function patches(images: Tensor, patch: number): Tensor {
  const [batch, channels, height, width] = images.shape as [number, number, number, number]
  const [rows, columns] = [height / patch, width / patch]
  return images
    .reshape([batch, channels, rows, patch, columns, patch])
    .permute([0, 2, 4, 3, 5, 1])
    .reshape([batch, rows * columns, patch * patch * channels])
}

losses.register(KEY, MaeLoss)
