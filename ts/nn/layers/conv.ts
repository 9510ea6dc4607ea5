import { ops, Parameter, type Tensor } from '../../engine/index.ts'
import { ExitCode, VisslError } from '../../errors.ts'
import { newTensor, shapesOnly } from '../device.ts'
import { fans, kaimingUniform_, uniform_ } from '../init.ts'
import { Layer } from '../module.ts'

/** A size in pixels: one number for both sides, or [height, width]. */
export type Pair = number | readonly [number, number]

/** Both sides of a size. */
export function pair(size: Pair): [number, number] {
  return typeof size === 'number' ? [size, size] : [size[0], size[1]]
}

/** Options of {@link Conv2d}. */
export interface Conv2dOptions {
  readonly stride?: Pair
  /** Zeros added on each side. */
  readonly padding?: Pair
  readonly dilation?: Pair
  readonly groups?: number
  readonly bias?: boolean
}

/** Convolution over images: N×in×H×W → N×out×H′×W′. */
export class Conv2d extends Layer {
  readonly weight: Parameter
  readonly bias: Parameter | null
  readonly #stride: [number, number]
  readonly #padding: [number, number]
  readonly #dilation: [number, number]
  readonly #groups: number

  constructor(inChannels: number, outChannels: number, kernelSize: Pair, options: Conv2dOptions = {}) {
    super()
    const groups = options.groups ?? 1
    if (inChannels % groups !== 0 || outChannels % groups !== 0) {
      throw new RangeError(
        `${groups} groups do not divide ${inChannels} input and ${outChannels} output channels`,
      )
    }
    this.#stride = pair(options.stride ?? 1)
    this.#padding = pair(options.padding ?? 0)
    this.#dilation = pair(options.dilation ?? 1)
    this.#groups = groups
    const shape = [outChannels, inChannels / groups, ...pair(kernelSize)]
    this.weight = new Parameter(newTensor(shape))
    this.bias = options.bias === false ? null : new Parameter(newTensor([outChannels]))
    kaimingUniform_(this.weight, { a: Math.sqrt(5) })
    if (this.bias !== null) {
      const bound = 1 / Math.sqrt(fans(this.weight).fanIn)
      uniform_(this.bias, -bound, bound)
    }
  }

  override forward(input: Tensor): Tensor {
    return this.convolve(input, this.weight)
  }

  /** Convolves with a weight derived from the layer's own. */
  protected convolve(input: Tensor, weight: Tensor): Tensor {
    if (shapesOnly()) return newTensor(this.#outputShape(input.shape))
    return ops.conv2d(input, weight, this.bias, this.#stride, this.#padding, this.#dilation, this.#groups)
  }
  #outputShape(input: readonly number[]): number[] {
    const [out, perGroup, ...kernel] = this.weight.shape as [number, number, number, number]
    const channels = perGroup * this.#groups
    if (input.length !== 4 || input[1] !== channels) {
      throw new VisslError(
        ExitCode.usage,
        `a convolution takes N×${channels}×H×W, got ${input.join('×')}`,
        'check the channels of the images and of the layers',
      )
    }
    const sizes = kernel.map((size, i) => {
      const span = this.#dilation[i]! * (size - 1) + 1
      return Math.floor((input[2 + i]! + 2 * this.#padding[i]! - span) / this.#stride[i]!) + 1
    })
    if (sizes.some((size) => size < 1)) {
      throw new VisslError(
        ExitCode.usage,
        `a ${kernel.join('×')} convolution cannot take an input of ${input.slice(2).join('×')} pixels`,
        'use larger images',
      )
    }
    return [input[0]!, out, ...sizes]
  }

  /** out·in/groups·k·k for every pixel of the output; offsets are not counted. */
  override multiplyAdds(_inputs: readonly unknown[], output: unknown): number {
    const [, ...perOutput] = this.weight.shape
    return (output as Tensor).numel * perOutput.reduce((product, size) => product * size, 1)
  }
}
