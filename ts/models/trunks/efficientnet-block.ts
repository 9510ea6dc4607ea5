import { ops, type Tensor } from '../../engine/index.ts'
import { BatchNorm2d, type BatchNormOptions, Conv2d, DropPath, Module, SameConv2d } from '../../nn/index.ts'

/** What a block of EfficientNet is built from. */
export interface InvertedResidualOptions {
  readonly inChannels: number
  readonly outChannels: number
  readonly kernel: number
  readonly stride: number
  /** Factor on the channels between the 1×1 convolutions. */
  readonly expand: number
  /** Pixels a side of the input. */
  readonly size: number
  /** Width of the squeeze relative to `inChannels`; null: no squeeze-and-excitation. */
  readonly seRatio: number | null
  /** Probability of leaving the branch out for an image. */
  readonly dropPath: number
  readonly norm: BatchNormOptions
}

/** 1×1 expansion, depthwise convolution, squeeze-and-excitation, 1×1 projection (Sandler et al. 2018). */
export class InvertedResidual extends Module {
  readonly expand_conv: Conv2d | null
  readonly bn0: BatchNorm2d | null
  readonly depthwise_conv: Conv2d
  readonly bn1: BatchNorm2d
  readonly se_reduce: Conv2d | null
  readonly se_expand: Conv2d | null
  readonly project_conv: Conv2d
  readonly bn2: BatchNorm2d
  readonly drop_path: DropPath
  readonly #shortcut: boolean

  constructor(options: InvertedResidualOptions) {
    super()
    const { inChannels, outChannels, kernel, stride, expand, size, seRatio, norm } = options
    const width = inChannels * expand
    const squeezed = seRatio === null ? 0 : Math.max(1, Math.floor(inChannels * seRatio))
    this.expand_conv = expand === 1 ? null : new Conv2d(inChannels, width, 1, { bias: false })
    this.bn0 = expand === 1 ? null : new BatchNorm2d(width, norm)
    this.depthwise_conv = new SameConv2d(width, width, kernel, size, { stride, groups: width, bias: false })
    this.bn1 = new BatchNorm2d(width, norm)
    this.se_reduce = squeezed === 0 ? null : new Conv2d(width, squeezed, 1)
    this.se_expand = squeezed === 0 ? null : new Conv2d(squeezed, width, 1)
    this.project_conv = new Conv2d(width, outChannels, 1, { bias: false })
    this.bn2 = new BatchNorm2d(outChannels, norm)
    this.#shortcut = stride === 1 && inChannels === outChannels
    this.drop_path = new DropPath(options.dropPath)
  }

  override forward(input: Tensor): Tensor {
    const wide = this.#expand(input)
    const filtered = ops.silu(this.bn1.call(this.depthwise_conv.call(wide)))
    const output = this.bn2.call(this.project_conv.call(this.#excite(filtered)))
    return this.#shortcut ? this.drop_path.call(output).add_(input) : output
  }

  #expand(input: Tensor): Tensor {
    if (this.expand_conv === null || this.bn0 === null) return input
    return ops.silu(this.bn0.call(this.expand_conv.call(input)))
  }

  #excite(input: Tensor): Tensor {
    if (this.se_reduce === null || this.se_expand === null) return input
    const squeezed = ops.silu(this.se_reduce.call(ops.adaptive_avg_pool2d(input, [1, 1])))
    return input.mul(ops.sigmoid(this.se_expand.call(squeezed)))
  }
}
