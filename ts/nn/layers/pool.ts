import { ops, type Tensor } from '../../engine/index.ts'
import { newTensor, shapesOnly } from '../device.ts'
import { Layer } from '../module.ts'
import { type Pair, pair } from './conv.ts'

/** Options of sliding-window pooling. */
export interface PoolOptions {
  /** As large as the window unless given. */
  readonly stride?: Pair
  readonly padding?: Pair
  /** Whether windows may hang over the edge. */
  readonly ceilMode?: boolean
}

/** Largest value of every window: N×C×H×W → N×C×H′×W′. */
export class MaxPool2d extends Layer {
  readonly #kernel: [number, number]
  readonly #stride: [number, number]
  readonly #padding: [number, number]
  readonly #ceil: boolean

  constructor(kernelSize: Pair, options: PoolOptions = {}) {
    super()
    this.#kernel = pair(kernelSize)
    this.#stride = pair(options.stride ?? kernelSize)
    this.#padding = pair(options.padding ?? 0)
    this.#ceil = options.ceilMode ?? false
  }

  override forward(input: Tensor): Tensor {
    return ops.max_pool2d(input, this.#kernel, this.#stride, this.#padding, [1, 1], this.#ceil)
  }
}

/** Mean of every window, padding included: N×C×H×W → N×C×H′×W′. */
export class AvgPool2d extends Layer {
  readonly #kernel: [number, number]
  readonly #stride: [number, number]
  readonly #padding: [number, number]
  readonly #ceil: boolean

  constructor(kernelSize: Pair, options: PoolOptions = {}) {
    super()
    this.#kernel = pair(kernelSize)
    this.#stride = pair(options.stride ?? kernelSize)
    this.#padding = pair(options.padding ?? 0)
    this.#ceil = options.ceilMode ?? false
  }

  override forward(input: Tensor): Tensor {
    return ops.avg_pool2d(input, this.#kernel, this.#stride, this.#padding, this.#ceil)
  }
}

/** Mean over as many windows as the output has pixels. */
export class AdaptiveAvgPool2d extends Layer {
  readonly #size: [number, number]

  constructor(outputSize: Pair) {
    super()
    this.#size = pair(outputSize)
  }

  override forward(input: Tensor): Tensor {
    if (shapesOnly()) return newTensor([...input.shape.slice(0, -2), ...this.#size])
    return ops.adaptive_avg_pool2d(input, this.#size)
  }
}

/** Maximum over as many windows as the output has pixels. */
export class AdaptiveMaxPool2d extends Layer {
  readonly #size: [number, number]

  constructor(outputSize: Pair) {
    super()
    this.#size = pair(outputSize)
  }

  override forward(input: Tensor): Tensor {
    const [values, indices] = ops.adaptive_max_pool2d(input, this.#size)
    indices.free()
    return values
  }
}
