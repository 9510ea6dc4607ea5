import { z } from 'zod'
import { convnextPresets, convnextShape } from '../../config/schema/trunks.ts'
import { ops, Parameter, type Tensor } from '../../engine/index.ts'
import {
  AdaptiveAvgPool2d,
  Conv2d,
  DropPath,
  Flatten,
  init,
  LayerNorm,
  Linear,
  Module,
  newTensor,
  Sequential,
  type TensorModule,
} from '../../nn/index.ts'
import { Trunk, trunks } from '../trunk.ts'
import { type ImageSettings, prepareInput, requireInput } from './input.ts'

const convnextParams = z.strictObject(convnextShape)

/** Parameters of {@link ConvNeXt}. */
export type ConvNeXtParams = z.output<typeof convnextParams>

/** Layer normalisation of the channels of N×C×H×W. */
class ChannelNorm extends LayerNorm {
  override forward(input: Tensor): Tensor {
    const normal = super.forward(input.permute([0, 2, 3, 1]))
    return normal.permute([0, 3, 1, 2])
  }
}

/** 7×7 depthwise convolution and a perceptron over the channels, scaled and added to the input. */
class ConvNeXtBlock extends Module {
  readonly layer_scale: Parameter
  readonly dwconv: Conv2d
  readonly norm: LayerNorm
  readonly pwconv1: Linear
  readonly pwconv2: Linear
  readonly drop_path: DropPath

  constructor(dim: number, layerScale: number, dropPath: number) {
    super()
    this.layer_scale = new Parameter(newTensor([dim, 1, 1], layerScale))
    this.dwconv = new Conv2d(dim, dim, 7, { padding: 3, groups: dim })
    this.norm = new LayerNorm(dim, { eps: 1e-6 })
    this.pwconv1 = new Linear(dim, 4 * dim)
    this.pwconv2 = new Linear(4 * dim, dim)
    this.drop_path = new DropPath(dropPath)
  }

  override forward(input: Tensor): Tensor {
    const channelsLast = this.norm.call(this.dwconv.call(input).permute([0, 2, 3, 1]))
    const mixed = this.pwconv2.call(ops.gelu(this.pwconv1.call(channelsLast)))
    const branch = mixed.permute([0, 3, 1, 2]).mul(this.layer_scale)
    return this.drop_path.call(branch).add(input)
  }
}

/**
 * ConvNeXt (Liu et al. 2022, arXiv:2201.03545). VISSL does not have it.
 *
 * Features: `conv1` (the stem), `res2` to `res5` (stages), `avgpool`, `norm`, `flatten`.
 */
export class ConvNeXt extends Trunk {
  static readonly key = 'convnext'
  static readonly section = 'CONVNEXT'
  static readonly params = convnextParams

  override readonly _feature_blocks: Sequential
  override readonly outChannels: number
  readonly #inputType: ImageSettings['INPUT_TYPE']

  constructor(params: ConvNeXtParams, model: ImageSettings = { INPUT_TYPE: 'rgb' }) {
    super()
    requireInput(ConvNeXt.key, model, 'rgb', 'bgr')
    this.#inputType = model.INPUT_TYPE
    const { depths, widths } = convnextPresets[params.name]
    const total = depths.reduce((sum, depth) => sum + depth, 0)
    const norm = (channels: number) => new ChannelNorm(channels, { eps: 1e-6 })
    let inChannels: number = widths[0]
    let index = 0
    const blocks: Record<string, TensorModule> = {
      conv1: new Sequential([new Conv2d(3, inChannels, 4, { stride: 4 }), norm(inChannels)]),
    }
    for (const [stage, depth] of depths.entries()) {
      const width = widths[stage]!
      const layers: TensorModule[] =
        stage === 0 ? [] : [norm(inChannels), new Conv2d(inChannels, width, 2, { stride: 2 })]
      for (let i = 0; i < depth; i++) {
        layers.push(
          new ConvNeXtBlock(width, params.layer_scale, (params.drop_path_rate * index++) / (total - 1)),
        )
      }
      blocks[`res${stage + 2}`] = new Sequential(layers)
      inChannels = width
    }
    blocks.avgpool = new AdaptiveAvgPool2d(1)
    blocks.norm = norm(inChannels)
    blocks.flatten = new Flatten(1)
    this._feature_blocks = new Sequential(blocks)
    this.outChannels = inChannels
    for (const [, module] of this.namedModules()) {
      if (!(module instanceof Conv2d || module instanceof Linear)) continue
      init.truncNormal_(module.weight, 0, 0.02)
      if (module.bias !== null) init.constant_(module.bias, 0)
    }
  }

  override prepare(images: Tensor): Tensor {
    return prepareInput(images, this.#inputType)
  }
}

trunks.register(ConvNeXt.key, ConvNeXt)
