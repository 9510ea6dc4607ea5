import type { Tensor } from '../../engine/index.ts'
import {
  AdaptiveAvgPool2d,
  BatchNorm2d,
  Conv2d,
  MaxPool2d,
  Module,
  ReLU,
  Sequential,
  Sigmoid,
  type TensorModule,
} from '../../nn/index.ts'

/** Settings of batch normalisation in a RegNet. */
export interface NormSettings {
  readonly eps: number
  readonly momentum: number
}

/** What a RegNet block is built from. */
export interface RegNetBlockOptions {
  readonly inChannels: number
  readonly width: number
  readonly stride: number
  readonly groupWidth: number
  /** Width of the squeeze relative to `inChannels`; null: no squeeze-and-excitation. */
  readonly seRatio: number | null
  readonly norm: NormSettings
}

const relu = () => new ReLU({ inplace: true })

/** The first layers. */
export class Stem extends Module {
  readonly stem: Sequential

  constructor(kind: 'simple_stem_in' | 'res_stem_in' | 'res_stem_cifar', width: number, norm: NormSettings) {
    super()
    const conv =
      kind === 'res_stem_in'
        ? new Conv2d(3, width, 7, { stride: 2, padding: 3, bias: false })
        : new Conv2d(3, width, 3, { stride: kind === 'simple_stem_in' ? 2 : 1, padding: 1, bias: false })
    const pool = kind === 'res_stem_in' ? [new MaxPool2d(3, { stride: 2, padding: 1 })] : []
    this.stem = new Sequential([conv, new BatchNorm2d(width, norm), relu(), ...pool])
  }

  override forward(input: Tensor): Tensor {
    return this.stem.call(input)
  }
}

/** Scales channels by what the whole image says of them (Hu et al. 2018, arXiv:1709.01507). */
export class SqueezeExcitation extends Module {
  readonly avg_pool = new AdaptiveAvgPool2d(1)
  readonly excitation: Sequential

  constructor(channels: number, squeezed: number) {
    super()
    this.excitation = new Sequential([
      new Conv2d(channels, squeezed, 1),
      relu(),
      new Conv2d(squeezed, channels, 1),
      new Sigmoid(),
    ])
  }

  override forward(input: Tensor): Tensor {
    return input.mul(this.excitation.call(this.avg_pool.call(input)))
  }
}

/** 1×1, grouped 3×3, squeeze-and-excitation, 1×1. */
function bottleneck(options: RegNetBlockOptions): Sequential {
  const { inChannels, width, stride, groupWidth, seRatio, norm } = options
  const groups = width / groupWidth
  const layers: Record<string, TensorModule> = {
    a: new Sequential([
      new Conv2d(inChannels, width, 1, { bias: false }),
      new BatchNorm2d(width, norm),
      relu(),
    ]),
    b: new Sequential([
      new Conv2d(width, width, 3, { stride, padding: 1, groups, bias: false }),
      new BatchNorm2d(width, norm),
      relu(),
    ]),
  }
  if (seRatio !== null) layers.se = new SqueezeExcitation(width, roundHalfEven(seRatio * inChannels))
  layers.c = new Conv2d(width, width, 1, { bias: false })
  layers.final_bn = new BatchNorm2d(width, norm)
  return new Sequential(layers)
}

/** Two 3×3 convolutions. */
function basic({ inChannels, width, stride, norm }: RegNetBlockOptions): Sequential {
  return new Sequential({
    a: new Sequential([
      new Conv2d(inChannels, width, 3, { stride, padding: 1, bias: false }),
      new BatchNorm2d(width, norm),
      relu(),
      new Conv2d(width, width, 3, { padding: 1, bias: false }),
    ]),
    final_bn: new BatchNorm2d(width, norm),
  })
}

/** A residual block; the shortcut is projected where the shape changes. */
class ResidualBlock extends Module {
  readonly proj: Conv2d | null
  readonly bn: BatchNorm2d | null
  readonly f: Sequential

  constructor(options: RegNetBlockOptions, branch: (options: RegNetBlockOptions) => Sequential) {
    super()
    const { inChannels, width, stride, norm } = options
    const projects = stride !== 1 || inChannels !== width
    this.proj = projects ? new Conv2d(inChannels, width, 1, { stride, bias: false }) : null
    this.bn = projects ? new BatchNorm2d(width, norm) : null
    this.f = branch(options)
  }

  override forward(input: Tensor): Tensor {
    const shortcut = this.proj === null || this.bn === null ? input : this.bn.call(this.proj.call(input))
    return this.f.call(input).add_(shortcut).relu_()
  }
}

/** Two 3×3 convolutions without a shortcut. */
class VanillaBlock extends Module {
  readonly a: Sequential
  readonly b: Sequential

  constructor({ inChannels, width, stride, norm }: RegNetBlockOptions) {
    super()
    const layer = (channels: number, step: number) =>
      new Sequential([
        new Conv2d(channels, width, 3, { stride: step, padding: 1, bias: false }),
        new BatchNorm2d(width, norm),
        relu(),
      ])
    this.a = layer(inChannels, stride)
    this.b = layer(width, 1)
  }

  override forward(input: Tensor): Tensor {
    return this.b.call(this.a.call(input))
  }
}

/** Makes a block of the kind that `REGNET.block_type` names. */
export const regnetBlocks = {
  res_bottleneck_block: (options: RegNetBlockOptions): TensorModule => new ResidualBlock(options, bottleneck),
  res_basic_block: (options: RegNetBlockOptions): TensorModule => new ResidualBlock(options, basic),
  vanilla_block: (options: RegNetBlockOptions): TensorModule => new VanillaBlock(options),
} as const

/** The nearest whole number; of two equally near ones the even one, as Python and NumPy round. */
export function roundHalfEven(value: number): number {
  const floor = Math.floor(value)
  const rest = value - floor
  if (rest !== 0.5) return Math.round(value)
  return floor % 2 === 0 ? floor : floor + 1
}
