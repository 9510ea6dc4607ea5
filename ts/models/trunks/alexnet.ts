import { z } from 'zod'
import { noGrad, type Tensor, tensor } from '../../engine/index.ts'
import {
  BatchNorm2d,
  Conv2d,
  type Conv2dOptions,
  Flatten,
  LocalResponseNorm,
  MaxPool2d,
  ReLU,
  Sequential,
  shapesOnly,
  type TensorModule,
} from '../../nn/index.ts'
import type { ModelParams } from '../params.ts'
import { type FeatureBlock, Trunk, trunks } from '../trunk.ts'
import { prepareInput, requireInput } from './input.ts'

const FEATURES = ['conv1', 'pool1', 'conv2', 'pool2', 'conv3', 'conv4', 'conv5', 'pool5', 'flatten'] as const

/** How one of the variants differs from the others. */
interface AlexNetDesign {
  readonly inChannels: number
  readonly widths: readonly [number, number, number, number, number]
  readonly conv1: Conv2dOptions
  /** Groups of the second, fourth and fifth convolution. */
  readonly groups: 1 | 2
  /** Which convolutions batch normalisation follows. */
  readonly batchNorm: readonly boolean[]
  /** Where local response normalisation stands beside the first two pools. */
  readonly localResponse: 'none' | 'before' | 'after'
}

const WIDE = [96, 256, 384, 384, 256] as const
const ALWAYS = [true, true, true, true, true]
const NEVER = [false, false, false, false, false]

const designs = {
  bvlc: {
    inChannels: 3,
    widths: WIDE,
    conv1: { stride: 4 },
    groups: 2,
    batchNorm: NEVER,
    localResponse: 'before',
  },
  colorization: {
    inChannels: 1,
    widths: WIDE,
    conv1: { stride: 4 },
    groups: 2,
    batchNorm: ALWAYS,
    localResponse: 'none',
  },
  deepcluster: {
    inChannels: 2,
    widths: WIDE,
    conv1: { stride: 4, padding: 2 },
    groups: 1,
    batchNorm: ALWAYS,
    localResponse: 'none',
  },
  jigsaw: {
    inChannels: 3,
    widths: WIDE,
    conv1: { stride: 2 },
    groups: 2,
    batchNorm: [false, false, true, true, true],
    localResponse: 'after',
  },
  rotnet: {
    inChannels: 3,
    widths: [64, 192, 384, 256, 256],
    conv1: { stride: 4, padding: 2 },
    groups: 1,
    batchNorm: ALWAYS,
    localResponse: 'none',
  },
} as const satisfies Record<string, AlexNetDesign>

function buildBlocks(design: AlexNetDesign): Sequential {
  const conv = (layer: number, inChannels: number, kernel: number, options: Conv2dOptions) => {
    const width = design.widths[layer]!
    const norm = design.batchNorm[layer] ? [new BatchNorm2d(width)] : []
    return new Sequential([
      new Conv2d(inChannels, width, kernel, options),
      ...norm,
      new ReLU({ inplace: true }),
    ])
  }
  const pool = (): TensorModule => {
    const max = new MaxPool2d(3, { stride: 2 })
    if (design.localResponse === 'none') return max
    const norm = new LocalResponseNorm(5, { alpha: 1e-4, beta: 0.75 })
    return new Sequential(design.localResponse === 'before' ? [norm, max] : [max, norm])
  }
  const { groups, widths } = design
  return new Sequential([
    conv(0, design.inChannels, 11, design.conv1),
    pool(),
    conv(1, widths[0], 5, { padding: 2, groups }),
    pool(),
    conv(2, widths[1], 3, { padding: 1 }),
    conv(3, widths[2], 3, { padding: 1, groups }),
    conv(4, widths[3], 3, { padding: 1, groups }),
    new MaxPool2d(3, { stride: 2 }),
    new Flatten(-1),
  ])
}

const alexNetParams = z.strictObject({})

/**
 * AlexNet (Krizhevsky et al. 2012) up to its last pool, as pretext tasks have varied it.
 *
 * Features, in the order asked for: `conv1` to `conv5`, `pool1`, `pool2`, `pool5`, and `flatten`, which joins nothing:
 * the output stays N×256×H×W, 256×6×6 for 227×227 images (`jigsaw`: 256×12×12).
 */
abstract class AlexNet extends Trunk {
  static readonly params = alexNetParams
  override readonly outChannels = 256

  override featureBlocks(): FeatureBlock[] {
    return [...this._feature_blocks!].map((block, i) => [FEATURES[i]!, block])
  }

  override get featureOrder(): 'request' {
    return 'request'
  }
}

/** With local response normalisation and groups, as in Caffe's model zoo. */
export class AlexNetBvlc extends AlexNet {
  static readonly key = 'alexnet_bvlc'
  override readonly _feature_blocks = buildBlocks(designs.bvlc)
}

/** For the lightness of Lab images (Zhang et al. 2016, arXiv:1603.08511). */
export class AlexNetColorization extends AlexNet {
  static readonly key = 'alexnet_colorization'
  override readonly _feature_blocks = buildBlocks(designs.colorization)

  constructor(_params: z.output<typeof alexNetParams>, model: Pick<ModelParams, 'INPUT_TYPE'>) {
    super()
    requireInput(AlexNetColorization.key, model, 'lab')
  }

  override prepare(images: Tensor): Tensor {
    return prepareInput(images, 'lab')
  }
}

/** For DeepCluster (Caron et al. 2018, arXiv:1807.05520): sees the gradients of the grey image alone. */
export class AlexNetDeepCluster extends AlexNet {
  static readonly key = 'alexnet_deepcluster'
  readonly sobel = sobelFilter()
  override readonly _feature_blocks = buildBlocks(designs.deepcluster)

  override prepare(images: Tensor): Tensor {
    return this.sobel.call(images)
  }
}

/** For jigsaw puzzles (Noroozi & Favaro 2016, arXiv:1603.09246). */
export class AlexNetJigsaw extends AlexNet {
  static readonly key = 'alexnet_jigsaw'
  override readonly _feature_blocks = buildBlocks(designs.jigsaw)
}

/** For rotation prediction (Gidaris et al. 2018, arXiv:1803.07728). */
export class AlexNetRotNet extends AlexNet {
  static readonly key = 'alexnet_rotnet'
  override readonly _feature_blocks = buildBlocks(designs.rotnet)
}

/** N×3×H×W → N×2×H×W: horizontal and vertical differences of the mean of the channels; never trained. */
function sobelFilter(): Sequential {
  const grey = new Conv2d(3, 1, 1)
  const edges = new Conv2d(1, 2, 3, { padding: 1 })
  const filter = new Sequential([grey, edges]).requiresGrad_(false)
  if (shapesOnly()) return filter
  using kernels = tensor([
    [
      [
        [1, 0, -1],
        [2, 0, -2],
        [1, 0, -1],
      ],
    ],
    [
      [
        [1, 2, 1],
        [0, 0, 0],
        [-1, -2, -1],
      ],
    ],
  ])
  noGrad(() => {
    grey.weight.fill_(1 / 3)
    edges.weight.copy_(kernels)
    grey.bias?.zero_()
    edges.bias?.zero_()
  })
  return filter
}

for (const kind of [AlexNetBvlc, AlexNetColorization, AlexNetDeepCluster, AlexNetJigsaw, AlexNetRotNet])
  trunks.register(kind.key, kind)
