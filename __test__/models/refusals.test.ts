import test from 'ava'
import { computeThreads, noGrad, ops, scope } from '../../ts/engine/index.ts'
import { VisslError } from '../../ts/errors.ts'
import { type ModelInput, SslModel, traceModel } from '../../ts/models/index.ts'
import { flat } from '../nn/numbers.ts'

// Other test files run beside this one.
computeThreads(1)

type Pools = NonNullable<ModelInput['FEATURE_EVAL_SETTINGS']>['LINEAR_EVAL_FEAT_POOL_OPS_MAP']

const SMALL: ModelInput['TRUNK'] = {
  NAME: 'resnet',
  TRUNK_PARAMS: { RESNETS: { DEPTH: 18, BASE_WIDTH: 4, STEM: 'small' } },
}

function extractor(pools: Pools, more: object = {}): SslModel {
  return new SslModel({
    TRUNK: SMALL,
    FEATURE_EVAL_SETTINGS: {
      EVAL_MODE_ON: true,
      FREEZE_TRUNK_ONLY: true,
      EXTRACT_TRUNK_FEATURES_ONLY: true,
      LINEAR_EVAL_FEAT_POOL_OPS_MAP: pools,
      ...more,
    },
  })
}

const shapes = (model: SslModel, size = 16): number[][] =>
  noGrad(() => scope(() => model.call(ops.randn([2, 3, size, size])).map(({ shape }) => shape)))

test('pooling: every operation, and features that are not flattened', (t) => {
  const pools: Pools = [
    ['res2', ['AvgPool2d', [[4, 4], 2, 1]]],
    ['res3', ['MaxPool2d', [2]]],
    ['res4', ['AdaptiveAvgPool2d', [[2, 1]]]],
    ['res5', ['AdaptiveMaxPool2d', [1]]],
    ['flatten', ['Identity', []]],
  ]
  using flattened = extractor(pools)
  t.deepEqual(shapes(flattened), [
    [2, 4 * 64],
    [2, 8 * 16],
    [2, 16 * 2],
    [2, 32],
    [2, 32],
  ])
  using whole = extractor(pools, { SHOULD_FLATTEN_FEATS: false })
  t.deepEqual(shapes(whole), [
    [2, 4, 8, 8],
    [2, 8, 4, 4],
    [2, 16, 2, 1],
    [2, 32, 1, 1],
    [2, 32],
  ])
})

test('a layer may be pooled twice', (t) => {
  using model = extractor([
    ['res5', ['AdaptiveAvgPool2d', [1]]],
    ['res2', ['AdaptiveMaxPool2d', [1]]],
    ['res5', ['Identity', []]],
  ])
  t.deepEqual(shapes(model), [
    [2, 32],
    [2, 4],
    [2, 32 * 4],
  ])
})

test('pooling maps that make no sense', (t) => {
  const cases: [Pools, RegExp][] = [
    [[['res5', ['AvgPool', [2]]]], /no pooling operation "AvgPool" for res5; did you mean AvgPool2d/],
    [[['res5', ['AvgPool2d', ['x']]]], /are no arguments of the pooling operation AvgPool2d of res5/],
    [[['res5', []]], /no pooling operation/],
    [[['res6', ['Identity', []]]], /no feature "res6"; did you mean res/],
    [
      [
        ['flatten', ['Identity', []]],
        ['res2', ['AvgPool2d', [2]]],
      ],
      /lists flatten, res2, but the trunk gives them in another order/,
    ],
  ]
  for (const [pools, message] of cases)
    t.throws(() => extractor(pools).free(), { instanceOf: VisslError, message })
  using model = extractor([['res5', ['AvgPool2d', [9]]]])
  t.throws(() => shapes(model), { instanceOf: VisslError, message: /pooling operation of res5 cannot take/ })
  t.throws(() => scope(() => model.call(ops.randn([2, 3, 16, 16]), ['res5', 'res4'])), {
    message: /2 features and 1 pooling operations do not pair/,
  })
})

test('RegNets that are not', (t) => {
  const regnet = (params: object): ModelInput => ({
    TRUNK: { NAME: 'regnet', TRUNK_PARAMS: { REGNET: params } },
  })
  for (const [params, message] of [
    [{}, /has no name, and depth, w_0, w_a, w_m, group_width are missing/],
    [{ depth: 4, w_0: 8, w_m: 2, group_width: 8 }, /w_a is missing/],
    [{ name: 'regnet_y_400mf', depth: 3 }, /is regnet_y_400mf, which decides depth already/],
    [{ name: 'regnet_z' }, /name/],
    [{ depth: 4, w_0: 8, w_a: 8, w_m: 1, group_width: 8 }, /w_m/],
    [{ depth: 4, w_0: 8, w_a: -1, w_m: 2, group_width: 8 }, /w_a/],
    [{ name: 'regnet_y_400mf', use_sse: true }, /"use_sse" is not a known key \(did you mean use_se/],
  ] as const) {
    t.throws(() => new SslModel(regnet(params)), { instanceOf: VisslError, message }, JSON.stringify(params))
  }
})

test('trunks that are made for other images', (t) => {
  const build = (NAME: string, INPUT_TYPE: 'rgb' | 'bgr' | 'lab') => () =>
    new SslModel({ TRUNK: { NAME }, INPUT_TYPE }).free()
  t.throws(build('alexnet_colorization', 'rgb'), { instanceOf: VisslError, message: /takes lab images/ })
  t.notThrows(build('alexnet_colorization', 'lab'))
  t.throws(build('vision_transformer', 'lab'), { instanceOf: VisslError, message: /takes rgb or bgr images/ })
  t.notThrows(build('alexnet_rotnet', 'bgr'))
})

test('EfficientNet and AlexNet give features in the order asked for', (t) => {
  using model = new SslModel({ TRUNK: { NAME: 'alexnet_rotnet' } })
  noGrad(() =>
    scope(() => {
      const x = ops.randn([1, 3, 96, 96])
      const [deep, shallow, again] = model.trunk.eval().call(x, ['conv3', 'pool1', 'conv3'])
      t.is(deep!.shape[1], 384)
      t.is(shallow!.shape[1], 64)
      t.deepEqual(flat(again!), flat(deep!))
      const distinct = model.trunk.call(x, ['conv3', 'pool1'])
      t.deepEqual(
        distinct.map(({ shape }) => shape[1]),
        [384, 64],
      )
    }),
  )
})

test('all five AlexNets have the shapes of their table', (t) => {
  const conv1 = { bvlc: 55, colorization: 55, deepcluster: 56, jigsaw: 109, rotnet: 56 }
  for (const [kind, size] of Object.entries(conv1)) {
    const INPUT_TYPE = kind === 'colorization' ? 'lab' : 'rgb'
    const { features } = traceModel({ TRUNK: { NAME: `alexnet_${kind}` }, INPUT_TYPE }, [1, 3, 227, 227])
    t.is(features.conv1![2], size, kind)
    const last = kind === 'jigsaw' ? 12 : 6
    t.deepEqual(features.flatten, [1, 256, last, last], kind)
  }
})
