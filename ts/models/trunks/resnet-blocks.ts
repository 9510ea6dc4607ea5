import type { Tensor } from '../../engine/index.ts'
import { type Conv2d, type Conv2dOptions, Module, Sequential, type TensorModule } from '../../nn/index.ts'

/** Makes the normalisation layer for a number of channels. */
export type NormFactory = (channels: number) => TensorModule
/** Makes a convolution without bias. */
export type ConvFactory = (inChannels: number, out: number, kernel: number, options?: Conv2dOptions) => Conv2d

/** What a residual block is built from. */
export interface BlockOptions {
  readonly inChannels: number
  /** Channels of the stage before expansion. */
  readonly planes: number
  readonly stride: number
  /** Channels of the middle convolution. */
  readonly width: number
  readonly groups: number
  readonly conv: ConvFactory
  readonly norm: NormFactory
}

/** A kind of residual block. */
export interface BlockClass {
  /** Output channels in units of `planes`. */
  readonly expansion: number
  new (options: BlockOptions): TensorModule
}

/** 1×1 projection of the shortcut, where the block changes the shape. */
function projection(options: BlockOptions, out: number): Sequential | null {
  const { inChannels, stride, conv, norm } = options
  if (stride === 1 && inChannels === out) return null
  return new Sequential([conv(inChannels, out, 1, { stride }), norm(out)])
}

/** Two 3×3 convolutions with a shortcut (He et al. 2016, arXiv:1512.03385). */
export class BasicBlock extends Module {
  static readonly expansion = 1
  readonly conv1: Conv2d
  readonly bn1: TensorModule
  readonly conv2: Conv2d
  readonly bn2: TensorModule
  readonly downsample: Sequential | null

  constructor(options: BlockOptions) {
    super()
    const { inChannels, planes, stride, conv, norm } = options
    this.conv1 = conv(inChannels, planes, 3, { stride, padding: 1 })
    this.bn1 = norm(planes)
    this.conv2 = conv(planes, planes, 3, { padding: 1 })
    this.bn2 = norm(planes)
    this.downsample = projection(options, planes)
  }

  override forward(input: Tensor): Tensor {
    const hidden = this.bn1.call(this.conv1.call(input)).relu_()
    const output = this.bn2.call(this.conv2.call(hidden))
    return output.add_(this.downsample === null ? input : this.downsample.call(input)).relu_()
  }
}

/** 1×1, 3×3 and 1×1 convolutions with a shortcut; the stride sits on the 3×3. */
export class Bottleneck extends Module {
  static readonly expansion = 4
  readonly conv1: Conv2d
  readonly bn1: TensorModule
  readonly conv2: Conv2d
  readonly bn2: TensorModule
  readonly conv3: Conv2d
  readonly bn3: TensorModule
  readonly downsample: Sequential | null

  constructor(options: BlockOptions) {
    super()
    const { inChannels, planes, stride, width, groups, conv, norm } = options
    const out = planes * Bottleneck.expansion
    this.conv1 = conv(inChannels, width, 1)
    this.bn1 = norm(width)
    this.conv2 = conv(width, width, 3, { stride, groups, padding: 1 })
    this.bn2 = norm(width)
    this.conv3 = conv(width, out, 1)
    this.bn3 = norm(out)
    this.downsample = projection(options, out)
  }

  override forward(input: Tensor): Tensor {
    const narrow = this.bn1.call(this.conv1.call(input)).relu_()
    const middle = this.bn2.call(this.conv2.call(narrow)).relu_()
    const output = this.bn3.call(this.conv3.call(middle))
    return output.add_(this.downsample === null ? input : this.downsample.call(input)).relu_()
  }
}
