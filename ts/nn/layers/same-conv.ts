import { ops, type Tensor } from '../../engine/index.ts'
import { Conv2d, type Conv2dOptions, type Pair, pair } from './conv.ts'

/**
 * A convolution padded as TensorFlow's SAME does for images of one size: the output has ⌈size/stride⌉ pixels a side,
 * and an odd number of padding pixels puts the extra one after the image.
 */
export class SameConv2d extends Conv2d {
  /** Zeros left, right, above and below, where they differ from side to side. */
  readonly #uneven: [number, number, number, number] | null

  /** @param imageSize height and width of the input that the padding is computed for */
  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: Pair,
    imageSize: Pair,
    options: Omit<Conv2dOptions, 'padding'> = {},
  ) {
    const kernel = pair(kernelSize)
    const stride = pair(options.stride ?? 1)
    const dilation = pair(options.dilation ?? 1)
    const total = pair(imageSize).map((size, i) => {
      const output = Math.ceil(size / stride[i]!)
      return Math.max(0, (output - 1) * stride[i]! + (kernel[i]! - 1) * dilation[i]! + 1 - size)
    })
    const [above, left] = total.map((zeros) => Math.floor(zeros / 2)) as [number, number]
    const even = total.every((zeros) => zeros % 2 === 0)
    super(inChannels, outChannels, kernelSize, { ...options, padding: even ? [above, left] : 0 })
    this.#uneven = even ? null : [left, total[1]! - left, above, total[0]! - above]
  }

  override forward(input: Tensor): Tensor {
    if (this.#uneven === null) return super.forward(input)
    const padded = ops.constant_pad_nd(input, this.#uneven)
    const output = super.forward(padded)
    padded.free()
    return output
  }
}
