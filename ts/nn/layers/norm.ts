import { ops, Parameter, type Tensor } from '../../engine/index.ts'
import { newTensor, shapesOnly } from '../device.ts'
import { Layer } from '../module.ts'

/** Options of group and layer normalisation. */
export interface NormOptions {
  /** Added to the variance; 1e-5 unless given. */
  readonly eps?: number
  /** Whether a learned scale and offset follow; true unless given. */
  readonly affine?: boolean
}

/** Group normalisation (Wu & He 2018, arXiv:1803.08494) of N×C×…: each group of channels of each image by itself. */
export class GroupNorm extends Layer {
  readonly weight: Parameter | null
  readonly bias: Parameter | null
  readonly #groups: number
  readonly #eps: number

  constructor(groups: number, channels: number, options: NormOptions = {}) {
    super()
    if (channels % groups !== 0) throw new RangeError(`${groups} groups do not divide ${channels} channels`)
    this.#groups = groups
    this.#eps = options.eps ?? 1e-5
    const affine = options.affine !== false
    this.weight = affine ? new Parameter(newTensor([channels], 1)) : null
    this.bias = affine ? new Parameter(newTensor([channels], 0)) : null
  }

  override forward(input: Tensor): Tensor {
    if (shapesOnly()) return newTensor(input.shape)
    return ops.group_norm(input, this.#groups, this.weight, this.bias, this.#eps)
  }
}

/** Layer normalisation (Ba et al. 2016, arXiv:1607.06450) over the last dimensions, whose sizes are given. */
export class LayerNorm extends Layer {
  readonly weight: Parameter | null
  readonly bias: Parameter | null
  readonly #shape: number[]
  readonly #eps: number

  constructor(shape: number | readonly number[], options: NormOptions = {}) {
    super()
    this.#shape = typeof shape === 'number' ? [shape] : [...shape]
    this.#eps = options.eps ?? 1e-5
    const affine = options.affine !== false
    this.weight = affine ? new Parameter(newTensor(this.#shape, 1)) : null
    this.bias = affine ? new Parameter(newTensor(this.#shape, 0)) : null
  }

  override forward(input: Tensor): Tensor {
    if (shapesOnly()) return newTensor(input.shape)
    return ops.layer_norm(input, this.#shape, this.weight, this.bias, this.#eps)
  }
}

/** Local response normalisation across neighbouring channels (Krizhevsky et al. 2012). N×C×H×W. */
export class LocalResponseNorm extends Layer {
  readonly #size: number
  readonly #alpha: number
  readonly #beta: number
  readonly #k: number

  constructor(size: number, options: { alpha?: number; beta?: number; k?: number } = {}) {
    super()
    this.#size = size
    this.#alpha = options.alpha ?? 1e-4
    this.#beta = options.beta ?? 0.75
    this.#k = options.k ?? 1
  }

  override forward(input: Tensor): Tensor {
    const size = this.#size
    const before = Math.floor(size / 2)
    const padded = ops.constant_pad_nd(input.mul(input).unsqueeze(1), [0, 0, 0, 0, before, size - 1 - before])
    const mean = ops.avg_pool3d(padded, [size, 1, 1], [1, 1, 1]).squeeze(1)
    return input.div(mean.mul(this.#alpha).add(this.#k).pow(this.#beta))
  }
}
