import { readFileSync } from 'node:fs'
import test from 'ava'
import { z } from 'zod'
import { computeThreads, ops, stats, type Tensor } from '../../ts/engine/index.ts'
import { VisslError } from '../../ts/errors.ts'
import { type ModelInput, presets, Trunk, traceModel, trunks } from '../../ts/models/index.ts'
import { Conv2d, type Sequential, Sequential as Stack } from '../../ts/nn/index.ts'

// Other test files run beside this one.
computeThreads(1)

/** Parameters and multiply-adds (10⁹) that torchvision states for its networks, classifier of 1,000 classes included. */
const stated = JSON.parse(
  readFileSync(new URL('../golden/models/complexity.json', import.meta.url), 'utf8'),
) as Record<string, { parameters: number; gmacs: number; size: number }>

/** Not the same networks: see golden/models/README.md; torchvision gives EfficientNet-B2 images of 288. */
const OTHERS = new Set(['regnet_x_400mf', 'regnet_y_800mf', 'regnet_y_8gf', 'efficientnet_b2'])

/** The preset with a classifier of 1,000 classes. */
function classifier(name: string): { config: ModelInput; input: readonly number[] } {
  const { config, input } = presets.find((preset) => preset.name === name)!
  const { outChannels } = traceModel(config, [1, ...input])
  return { config: { ...config, HEAD: { PARAMS: [['mlp', { dims: [outChannels, 1000] }]] } }, input }
}

for (const { name } of presets) {
  const row = stated[name.replace('.', '_')]
  if (row === undefined || OTHERS.has(name)) continue
  test(`${name}: parameters and multiply-adds`, (t) => {
    const { config, input } = classifier(name)
    const { parameters, multiplyAdds, outputs } = traceModel(config, [1, ...input])
    t.deepEqual(outputs, [[1, 1000]])
    t.is(parameters, row.parameters)
    const gmacs = multiplyAdds / 1e9
    t.true(Math.abs(gmacs - row.gmacs) < 6e-4 + 0.002 * row.gmacs, `${gmacs}, stated ${row.gmacs}`)
  })
}

test('the others have the sizes of their papers', (t) => {
  // RegNet: parameters (10⁶) and multiply-adds (10⁹); EfficientNet-B2; ViT-Ti and ViT-S: DeiT's table.
  for (const [name, millions, gmacs] of [
    ['regnet_x_400mf', 5.2, 0.4],
    ['regnet_y_800mf', 6.3, 0.8],
    ['regnet_y_8gf', 39.2, 8.0],
    ['efficientnet_b2', 9.2, 1.0],
    ['vit_ti_16', 5.7, 1.26],
    ['vit_s_16', 22.1, 4.6],
    ['resnet200', 64.7, 15.1],
  ] as const) {
    const { config, input } = classifier(name)
    const { parameters, multiplyAdds } = traceModel(config, [1, ...input])
    t.true(Math.abs(parameters / 1e6 - millions) < 0.05 + 0.02 * millions, `${name}: ${parameters}`)
    t.true(Math.abs(multiplyAdds / 1e9 - gmacs) < 0.05 * gmacs, `${name}: ${multiplyAdds}`)
  }
})

test('every preset can be followed, and nothing is left behind', (t) => {
  const before = stats()
  for (const { name, config, input } of presets) {
    const { features, outputs } = traceModel(config, [2, ...input])
    t.is(outputs[0]![0], 2, name)
    t.true(Object.values(features).every((shape) => shape[0] === 2 && shape.length > 1))
  }
  t.is(stats().tensors, before.tensors)
})

test('features, layers and activations of a small network, by hand', (t) => {
  const config: ModelInput = {
    TRUNK: {
      NAME: 'resnet',
      TRUNK_PARAMS: { RESNETS: { DEPTH: 18, BASE_WIDTH: 8, STEM: 'small_stride2' } },
    },
    HEAD: { PARAMS: [['mlp', { dims: [64, 10] }]] },
  }
  const { features, layers, outputs } = traceModel(config, [4, 3, 32, 32])
  t.deepEqual(features.conv1, [4, 8, 16, 16])
  t.deepEqual(features.res5, [4, 64, 2, 2])
  t.deepEqual(outputs, [[4, 10]])
  const stem = layers[0]!
  t.like(stem, { name: 'trunk._feature_blocks.conv1', kind: 'Conv2d', output: [4, 8, 16, 16] })
  t.is(stem.parameters, 8 * 3 * 3 * 3)
  t.is(stem.multiplyAdds, 4 * 16 * 16 * 8 * 27)
  t.is(stem.outputBytes, 4 * 8 * 16 * 16 * 4)
  t.is(layers.find(({ kind }) => kind === 'ReLU')!.outputBytes, 0)
  t.is(layers.at(-1)!.multiplyAdds, 4 * 64 * 10)
})

test('everything of ours can be followed without data', (t) => {
  const evaluation = (pools: unknown[]): ModelInput => ({
    FEATURE_EVAL_SETTINGS: {
      EVAL_MODE_ON: true,
      FREEZE_TRUNK_ONLY: true,
      EXTRACT_TRUNK_FEATURES_ONLY: true,
      LINEAR_EVAL_FEAT_POOL_OPS_MAP: pools as never,
    },
  })
  const resnet = (params: object): ModelInput => ({
    TRUNK: { NAME: 'resnet', TRUNK_PARAMS: { RESNETS: params } },
  })
  const pools = [
    ['res2', ['AdaptiveAvgPool2d', [[6, 6]]]],
    ['res3', ['AdaptiveMaxPool2d', [[3, 1]]]],
    ['res4', ['AvgPool2d', [[2, 2], 1, 0]]],
    ['res5', ['MaxPool2d', [[2, 2], 2, 1]]],
    ['flatten', ['Identity', []]],
  ]
  const heads = {
    PARAMS: [
      ['swav_head', { dims: [2048, 8], num_clusters: [4], use_weight_norm_prototypes: true, use_bn: true }],
    ],
  } as ModelInput['HEAD']
  // 2²⁰ images: computed rather than followed, this would need terabytes.
  const many = 1 << 20
  t.deepEqual(traceModel(evaluation(pools), [many, 3, 64, 64]).outputs, [
    [many, 256 * 36],
    [many, 512 * 3],
    [many, 1024 * 9],
    [many, 2048 * 4],
    [many, 2048],
  ])
  for (const params of [
    { NORM: 'LayerNorm' },
    { NORM: 'GroupNorm', GROUPNORM_GROUPS: 32, STANDARDIZE_CONVOLUTIONS: true },
  ])
    t.deepEqual(traceModel(resnet(params), [many, 3, 64, 64]).outputs, [[many, 2048]])
  for (const INPUT_TYPE of ['bgr', 'lab'] as const)
    t.deepEqual(traceModel({ INPUT_TYPE, HEAD: heads }, [many, 3, 64, 64]).outputs, [
      [many, 8],
      [many, 4],
    ])
  for (const { name, config, input } of presets)
    t.is(traceModel(config, [many, ...input]).outputs[0]![0], many, name)
})

test('what does not fit is found without data', (t) => {
  const resnet = (head: unknown[], more: ModelInput = {}): ModelInput => ({
    HEAD: { PARAMS: head as never },
    ...more,
  })
  const cases: [ModelInput, Parameters<typeof traceModel>[1], RegExp][] = [
    [resnet([['mlp', { dims: [512, 10] }]]), [2, 3, 64, 64], /takes 512 features, .* gives 2048/],
    [{ TRUNK: { NAME: 'alexnet_bvlc' } }, [2, 3, 16, 16], /block "\w+" of the trunk cannot take images/],
    [resnet([]), [2, 4, 64, 64], /takes N×3×H×W, got 2×4×64×64/],
    [{ TRUNK: { NAME: 'convnext' } }, [2, 3, 16, 16], /cannot take images of 2×3×16×16/],
    [{ TRUNK: { NAME: 'vision_transformer' } }, [2, 3, 100, 100], /patches of 16 do not divide/],
    [
      { TRUNK: { NAME: 'efficientnet', TRUNK_PARAMS: { EFFICIENT_NETS: { model_version: 'B0' } } } },
      [1, 3, 96, 96],
      /takes images of 224×224, got 96×96/,
    ],
    [
      resnet([], {
        MULTI_INPUT_HEAD_MAPPING: [['a', ['res9']]],
        HEAD: { PARAMS: [['mlp', { dims: [1, 2] }]] },
      }),
      { a: [2, 3, 64, 64] },
      /no feature "res9"; did you mean/,
    ],
  ]
  for (const [config, input, message] of cases)
    t.throws(() => traceModel(config, input), { instanceOf: VisslError, message })
  t.throws(() => traceModel(resnet([]), [1, 3, 32, 32], { training: true }), {
    message: /more than one value per channel/,
  })
})

test('crops and several inputs', (t) => {
  const head: ModelInput['HEAD'] = { PARAMS: [['swav_head', { dims: [2048, 128], num_clusters: [30] }]] }
  const crops = [64, 64, 32, 32].map((size) => [2, 3, size, size])
  t.deepEqual(traceModel({ HEAD: head }, crops).outputs, [
    [8, 128],
    [8, 30],
  ])
  const mapped = traceModel(
    {
      HEAD: { PARAMS: [['mlp', { dims: [2048, 8] }]] },
      MULTI_INPUT_HEAD_MAPPING: [['images', ['flatten']]],
    },
    { images: [2, 3, 64, 64] },
  )
  t.deepEqual(mapped.outputs, [[2, 8]])
})

test('a trunk whose operators need data is run on zeros', (t) => {
  class Flipped extends Trunk {
    static readonly key = 'test_flipped'
    static readonly params = z.object({})
    override readonly outChannels = 4
    override readonly _feature_blocks: Sequential = new Stack({ conv: new Conv2d(3, 4, 3) })
    override prepare(images: Tensor): Tensor {
      return ops.flip(images, [3])
    }
  }
  trunks.register(Flipped.key, Flipped)
  t.deepEqual(traceModel({ TRUNK: { NAME: 'test_flipped' } }, [1, 3, 8, 8]).outputs, [[1, 4, 6, 6]])
})
