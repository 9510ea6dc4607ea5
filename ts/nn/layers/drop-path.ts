import type { Tensor } from '../../engine/index.ts'
import { newTensor } from '../device.ts'
import { Layer } from '../module.ts'

/**
 * In training sets the whole input to zero for each image with probability `p`, and divides the others by 1 − p:
 * stochastic depth (Huang et al. 2016, arXiv:1603.09382) when it ends a residual branch. N×… → N×….
 */
export class DropPath extends Layer {
  readonly #p: number

  /** @param p in [0, 1); 0 leaves the input as it is */
  constructor(p: number) {
    super()
    if (!(p >= 0 && p < 1)) throw new RangeError(`drop-path probability must be in [0, 1), got ${p}`)
    this.#p = p
  }

  override forward(input: Tensor): Tensor {
    if (!this.training || this.#p === 0) return input
    const keep = 1 - this.#p
    const { shape } = input
    const mask = newTensor([shape[0]!, ...shape.slice(1).map(() => 1)])
      .uniform_()
      .add_(keep)
      .floor_()
      .div_(keep)
    return input.mul(mask.to(input.device))
  }
}
