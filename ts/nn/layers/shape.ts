import { ops, type Tensor } from '../../engine/index.ts'
import { Layer } from '../module.ts'

/** Returns its input, the very same tensor. */
export class Identity extends Layer {
  override forward(input: Tensor): Tensor {
    return input
  }
}

/** Joins the dimensions from `startDim` (1 unless given) to `endDim` (the last) into one. */
export class Flatten extends Layer {
  readonly #start: number
  readonly #end: number

  constructor(startDim = 1, endDim = -1) {
    super()
    this.#start = startDim
    this.#end = endDim
  }

  override forward(input: Tensor): Tensor {
    return ops.flatten(input, this.#start, this.#end)
  }
}

/** In training zeroes each value with probability `p` and scales the others by 1 / (1 − p). */
export class Dropout extends Layer {
  readonly #p: number

  /** @param p in [0, 1]; 0.5 unless given */
  constructor(p = 0.5) {
    super()
    if (!(p >= 0 && p <= 1)) throw new RangeError(`dropout probability must be in [0, 1], got ${p}`)
    this.#p = p
  }

  override forward(input: Tensor): Tensor {
    return this.training ? ops.dropout(input, this.#p, true) : input
  }
}
