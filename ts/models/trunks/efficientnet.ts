import { z } from 'zod'
import { efficientNetShape } from '../../config/schema/trunks.ts'
import type { Tensor } from '../../engine/index.ts'
import { ExitCode, VisslError } from '../../errors.ts'
import {
  AdaptiveAvgPool2d,
  BatchNorm2d,
  Conv2d,
  Dropout,
  Flatten,
  SameConv2d,
  Sequential,
  SiLU,
  type TensorModule,
} from '../../nn/index.ts'
import { Trunk, trunks } from '../trunk.ts'
import { InvertedResidual } from './efficientnet-block.ts'
import { initConvNet } from './init.ts'
import { type ImageSettings, requireInput } from './input.ts'

/** Compound scaling: factors on width and depth, pixels a side, dropout. */
const VERSIONS = {
  B0: { width: 1.0, depth: 1.0, resolution: 224, dropout: 0.2 },
  B1: { width: 1.0, depth: 1.1, resolution: 240, dropout: 0.2 },
  B2: { width: 1.1, depth: 1.2, resolution: 260, dropout: 0.3 },
  B3: { width: 1.2, depth: 1.4, resolution: 300, dropout: 0.3 },
  B4: { width: 1.4, depth: 1.8, resolution: 380, dropout: 0.4 },
  B5: { width: 1.6, depth: 2.2, resolution: 456, dropout: 0.4 },
  B6: { width: 1.8, depth: 2.6, resolution: 528, dropout: 0.5 },
  B7: { width: 2.0, depth: 3.1, resolution: 600, dropout: 0.5 },
} as const

/** The groups of blocks of B0. */
const GROUPS = [
  { repeat: 1, kernel: 3, stride: 1, expand: 1, input: 32, output: 16 },
  { repeat: 2, kernel: 3, stride: 2, expand: 6, input: 16, output: 24 },
  { repeat: 2, kernel: 5, stride: 2, expand: 6, input: 24, output: 40 },
  { repeat: 3, kernel: 3, stride: 2, expand: 6, input: 40, output: 80 },
  { repeat: 3, kernel: 5, stride: 1, expand: 6, input: 80, output: 112 },
  { repeat: 4, kernel: 5, stride: 2, expand: 6, input: 112, output: 192 },
  { repeat: 1, kernel: 3, stride: 1, expand: 6, input: 192, output: 320 },
] as const

const efficientNetParams = z.strictObject(efficientNetShape)

/** Parameters of {@link EfficientNet}. */
export type EfficientNetParams = z.output<typeof efficientNetParams>

/**
 * EfficientNet (Tan & Le 2019, arXiv:1905.11946), padded as TensorFlow pads, for images of its version's size alone.
 *
 * Features, in the order asked for: `conv1`, `block0`, `block1`, …, `conv_final`, `avgpool`, `flatten`, `dropout`.
 */
export class EfficientNet extends Trunk {
  static readonly key = 'efficientnet'
  static readonly section = 'EFFICIENT_NETS'
  static readonly params = efficientNetParams

  override readonly _feature_blocks: Sequential
  override readonly outChannels: number
  readonly #version: EfficientNetParams['model_version']

  constructor(params: EfficientNetParams, model: ImageSettings = { INPUT_TYPE: 'rgb' }) {
    super()
    requireInput(EfficientNet.key, model, 'rgb', 'bgr')
    this.#version = params.model_version
    const version = VERSIONS[params.model_version]
    const channels = (count: number) => scaleWidth(count * version.width, params)
    const norm = { eps: params.bn_epsilon, momentum: params.bn_momentum }
    const groups = GROUPS.map((group) => ({ ...group, repeat: Math.ceil(group.repeat * version.depth) }))
    const total = groups.reduce((sum, { repeat }) => sum + repeat, 0)

    let width = channels(32)
    let size = Math.ceil(version.resolution / 2)
    const blocks: Record<string, TensorModule> = {
      conv1: new Sequential([
        new SameConv2d(3, width, 3, version.resolution, { stride: 2, bias: false }),
        new BatchNorm2d(width, norm),
        new SiLU(),
      ]),
    }
    let index = 0
    for (const group of groups) {
      const output = channels(group.output)
      for (let i = 0; i < group.repeat; i++) {
        const stride = i === 0 ? group.stride : 1
        blocks[`block${index}`] = new InvertedResidual({
          inChannels: width,
          outChannels: output,
          kernel: group.kernel,
          stride,
          expand: group.expand,
          size,
          seRatio: params.use_se ? 0.25 : null,
          dropPath: (params.drop_connect_rate * index) / total,
          norm,
        })
        width = output
        size = Math.ceil(size / stride)
        index++
      }
    }
    const final = channels(1280)
    blocks.conv_final = new Sequential([
      new Conv2d(width, final, 1, { bias: false }),
      new BatchNorm2d(final, norm),
      new SiLU(),
    ])
    blocks.avgpool = new AdaptiveAvgPool2d(1)
    blocks.flatten = new Flatten(1)
    blocks.dropout = new Dropout(version.dropout)
    this._feature_blocks = new Sequential(blocks)
    this.outChannels = final
    initConvNet(this)
  }

  override get featureOrder(): 'request' {
    return 'request'
  }

  /** @throws VisslError for images of another size than the version's */
  override prepare(images: Tensor): Tensor {
    const { resolution } = VERSIONS[this.#version]
    const [height, width] = images.shape.slice(-2)
    if (height === resolution && width === resolution) return images
    throw new VisslError(
      ExitCode.usage,
      `EfficientNet-${this.#version} takes images of ${resolution}×${resolution}, got ${height}×${width}`,
      `crop or resize them to ${resolution}; the versions take ${Object.entries(VERSIONS)
        .map(([name, each]) => `${name} ${each.resolution}`)
        .join(', ')}`,
    )
  }
}

/** A number of channels as a multiple of the divisor, at most a tenth smaller than wanted. */
function scaleWidth(wanted: number, params: EfficientNetParams): number {
  const { width_divisor: divisor, min_width } = params
  const least = min_width ?? divisor
  const nearest = Math.max(least, Math.floor((wanted + divisor / 2) / divisor) * divisor)
  return nearest < 0.9 * wanted ? nearest + divisor : nearest
}

trunks.register(EfficientNet.key, EfficientNet)
