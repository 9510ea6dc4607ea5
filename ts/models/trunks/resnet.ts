import { z } from 'zod'
import { resnetShape } from '../../config/schema/trunks.ts'
import type { Tensor } from '../../engine/index.ts'
import { ExitCode, VisslError } from '../../errors.ts'
import {
  AdaptiveAvgPool2d,
  BatchNorm2d,
  Conv2d,
  Flatten,
  GroupNorm,
  Identity,
  MaxPool2d,
  ReLU,
  Sequential,
  type TensorModule,
} from '../../nn/index.ts'
import { Trunk, trunks } from '../trunk.ts'
import { type ImageSettings, inputChannels, prepareInput } from './input.ts'
import {
  BasicBlock,
  type BlockClass,
  Bottleneck,
  type ConvFactory,
  type NormFactory,
} from './resnet-blocks.ts'
import { StandardizedConv2d } from './standardized-conv.ts'

const DEPTHS: Readonly<
  Record<ResNetParams['DEPTH'], { block: BlockClass; counts: readonly [number, number, number, number] }>
> = {
  18: { block: BasicBlock, counts: [2, 2, 2, 2] },
  34: { block: BasicBlock, counts: [3, 4, 6, 3] },
  50: { block: Bottleneck, counts: [3, 4, 6, 3] },
  101: { block: Bottleneck, counts: [3, 4, 23, 3] },
  152: { block: Bottleneck, counts: [3, 8, 36, 3] },
  200: { block: Bottleneck, counts: [3, 24, 36, 3] },
}

/** Feature name → block that gives it. */
const FEATURES = {
  conv1: 'conv1_relu',
  res1: 'maxpool',
  res2: 'layer1',
  res3: 'layer2',
  res4: 'layer3',
  res5: 'layer4',
  res5avg: 'avgpool',
  flatten: 'flatten',
} as const

const resnetParams = z.object(resnetShape)

/** Parameters of {@link ResNet}. */
export type ResNetParams = z.output<typeof resnetParams>

/**
 * ResNet (He et al. 2016, arXiv:1512.03385), ResNeXt (Xie et al. 2017, arXiv:1611.05431) and wide variants, with
 * torchvision's names under `_feature_blocks`.
 *
 * For a 3×224×224 image and depth 50 the features are conv1 64×112×112 (after norm and ReLU), res1 64×56×56,
 * res2 256×56×56, res3 512×28×28, res4 1024×14×14, res5 2048×7×7, res5avg 2048×1×1, flatten 2048.
 */
export class ResNet extends Trunk {
  static readonly key = 'resnet'
  static readonly section = 'RESNETS'
  static readonly params = resnetParams

  override readonly _feature_blocks: Sequential
  override readonly outChannels: number
  readonly #inputType: ImageSettings['INPUT_TYPE']

  constructor(params: ResNetParams, model: ImageSettings = { INPUT_TYPE: 'rgb' }) {
    super()
    this.#inputType = model.INPUT_TYPE
    const { block, counts } = DEPTHS[params.DEPTH]
    if (block === BasicBlock && (params.GROUPS !== 1 || params.WIDTH_PER_GROUP !== 64)) {
      throw new VisslError(
        ExitCode.usage,
        `RESNETS: depth ${params.DEPTH} has basic blocks, which take no GROUPS or WIDTH_PER_GROUP`,
        'use depth 50 or more, or leave both at their defaults (1, 64)',
      )
    }
    const conv = convFactory(params)
    const norm = normFactory(params)
    const width = params.BASE_WIDTH * params.WIDTH_MULTIPLIER
    const small = params.STEM !== 'imagenet'
    const stemStride = params.STEM === 'small' ? 1 : 2
    const blocks: Record<string, TensorModule> = {
      conv1: conv(inputChannels(model.INPUT_TYPE), width, small ? 3 : 7, {
        stride: stemStride,
        padding: small ? 1 : 3,
      }),
      bn1: norm(width),
      conv1_relu: new ReLU({ inplace: true }),
      maxpool: small ? new Identity() : new MaxPool2d(3, { stride: 2, padding: 1 }),
    }
    let inChannels = width
    const strides = [1, 2, 2, params.LAYER4_STRIDE]
    for (const [stage, count] of counts.entries()) {
      const planes = width * 2 ** stage
      const middle = Math.floor(planes * (params.WIDTH_PER_GROUP / 64)) * params.GROUPS
      const stack: TensorModule[] = []
      for (let i = 0; i < count; i++) {
        const stride = i === 0 ? strides[stage]! : 1
        stack.push(
          new block({ inChannels, planes, stride, width: middle, groups: params.GROUPS, conv, norm }),
        )
        inChannels = planes * block.expansion
      }
      blocks[`layer${stage + 1}`] = new Sequential(stack)
    }
    blocks.avgpool = new AdaptiveAvgPool2d(1)
    blocks.flatten = new Flatten(1)
    this._feature_blocks = new Sequential(blocks)
    this.outChannels = inChannels
  }

  override features(): Readonly<Record<string, string>> {
    return FEATURES
  }

  override prepare(images: Tensor): Tensor {
    return prepareInput(images, this.#inputType)
  }
}

function convFactory(params: ResNetParams): ConvFactory {
  const kind = params.STANDARDIZE_CONVOLUTIONS ? StandardizedConv2d : Conv2d
  return (inChannels, out, kernel, options) => new kind(inChannels, out, kernel, { ...options, bias: false })
}

function normFactory(params: ResNetParams): NormFactory {
  switch (params.NORM) {
    case 'BatchNorm':
      return (channels) => new BatchNorm2d(channels)
    case 'LayerNorm':
      return (channels) => new GroupNorm(1, channels)
    case 'GroupNorm': {
      const groups = params.GROUPNORM_GROUPS
      if (groups === undefined) {
        throw new VisslError(
          ExitCode.usage,
          'RESNETS.NORM is GroupNorm, and GROUPNORM_GROUPS is not set',
          'set RESNETS.GROUPNORM_GROUPS, for example to 32',
        )
      }
      return (channels) => new GroupNorm(groups, channels)
    }
  }
}

trunks.register(ResNet.key, ResNet)
