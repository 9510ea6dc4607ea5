import test from 'ava'
import { z } from 'zod'
import { computeThreads, noGrad, ops, scope, stats, type Tensor } from '../../ts/engine/index.ts'
import { VisslError } from '../../ts/errors.ts'
import {
  Head,
  type HeadInput,
  heads,
  type ModelInput,
  SslModel,
  Trunk,
  trunks,
} from '../../ts/models/index.ts'
import { flat } from '../nn/numbers.ts'

// Other test files run beside this one.
computeThreads(1)

const TRUNK = {
  NAME: 'resnet',
  TRUNK_PARAMS: { RESNETS: { DEPTH: 18, BASE_WIDTH: 4, STEM: 'small_stride2' } },
}

function build(more: Partial<ModelInput> = {}): SslModel {
  return new SslModel({ TRUNK, HEAD: { PARAMS: [['mlp', { dims: [32, 8] }]] }, ...more })
}

test('full names and split state', (t) => {
  using model = build()
  const names = Object.keys(model.stateDict())
  t.is(names[0], 'trunk._feature_blocks.conv1.weight')
  t.deepEqual(names.slice(-2), ['heads.0.clf.0.weight', 'heads.0.clf.0.bias'])
  const split = model.splitState()
  t.is(Object.keys(split.trunk)[0], '_feature_blocks.conv1.weight')
  t.deepEqual(Object.keys(split.heads), ['0.clf.0.weight', '0.clf.0.bias'])
  using other = build()
  const report = other.loadSplitState({ trunk: split.trunk, heads: {} })
  t.deepEqual(report.heads.missing, ['0.clf.0.weight', '0.clf.0.bias'])
  t.throws(() => other.loadSplitState({ trunk: {}, heads: split.heads }), { instanceOf: VisslError })
  other.loadSplitState(split)
  scope(() => {
    const x = ops.randn([2, 3, 16, 16])
    t.deepEqual(flat(other.eval().call(x)[0]!), flat(model.eval().call(x)[0]!))
  })
})

test('one feature and several heads form a chain; chains nest in one head', (t) => {
  using chain = build({
    HEAD: {
      PARAMS: [
        ['mlp', { dims: [32, 6] }],
        ['mlp', { dims: [6, 5] }],
      ],
    },
  })
  using nested = build({
    HEAD: {
      PARAMS: [
        [
          ['mlp', { dims: [32, 6] }],
          ['mlp', { dims: [6, 5] }],
        ],
      ],
    },
  })
  t.deepEqual(Object.keys(nested.splitState().heads), [
    '0.0.clf.0.weight',
    '0.0.clf.0.bias',
    '0.1.clf.0.weight',
    '0.1.clf.0.bias',
  ])
  scope(() => {
    const x = ops.randn([2, 3, 16, 16])
    t.deepEqual(
      chain.call(x).map((y) => y.shape),
      [[2, 5]],
    )
    t.deepEqual(
      nested.call(x).map((y) => y.shape),
      [[2, 5]],
    )
  })
})

test('several features: one head each, or an error', (t) => {
  using model = build({
    HEAD: {
      PARAMS: [
        ['mlp', { dims: [32, 6] }],
        ['mlp', { dims: [32, 5] }],
      ],
    },
  })
  scope(() => {
    const x = ops.randn([2, 3, 16, 16])
    t.deepEqual(
      model.call(x, ['res5avg', 'flatten']).map((y) => y.shape),
      [
        [2, 6],
        [2, 5],
      ],
    )
    t.throws(() => model.call(x, ['res4', 'res5avg', 'flatten']), { instanceOf: VisslError })
  })
})

test('multi-crop: consecutive crops of equal width share a pass', (t) => {
  using model = build()
  using single = build({ SINGLE_PASS_EVERY_CROP: true })
  single.loadStateDict(model.stateDict())
  let passes = 0
  for (const each of [model, single]) each.eval().trunk.registerForwardHook(() => void passes++)
  noGrad(() =>
    scope(() => {
      const crops = [16, 16, 8, 8, 16].map((size) => ops.randn([2, 3, size, size]))
      const [grouped] = model.call(crops)
      t.is(passes, 3)
      t.deepEqual(grouped!.shape, [10, 8])
      const [separate] = single.call(crops)
      t.is(passes, 8)
      const a = flat(grouped!)
      t.true(flat(separate!).every((value, i) => Math.abs(value - a[i]!) < 1e-5))
    }),
  )
})

test('a map of inputs goes to the heads mapped to it', (t) => {
  using model = build({
    HEAD: {
      PARAMS: [
        ['mlp', { dims: [32, 8] }],
        ['mlp', { dims: [32, 4] }],
      ],
    },
    MULTI_INPUT_HEAD_MAPPING: [
      ['data', ['flatten']],
      ['other', ['flatten']],
    ],
  })
  scope(() => {
    const data = ops.randn([2, 3, 16, 16])
    const other = ops.randn([3, 3, 16, 16])
    t.deepEqual(
      model.call({ other, data }).map((y) => y.shape),
      [
        [2, 8],
        [3, 4],
      ],
    )
    t.throws(() => model.call({ data }), { instanceOf: VisslError })
  })
  t.throws(
    () =>
      build({
        MULTI_INPUT_HEAD_MAPPING: [
          ['a', []],
          ['b', []],
        ],
      }),
    { instanceOf: VisslError },
  )
})

test('freezing', (t) => {
  const trained = (settings: Record<string, boolean>) => {
    using model = build({ FEATURE_EVAL_SETTINGS: settings })
    return Array.from(model.namedParameters())
      .filter(([, p]) => p.requiresGrad)
      .map(([name]) => name)
  }
  t.deepEqual(trained({ EVAL_MODE_ON: true, FREEZE_TRUNK_ONLY: true, FREEZE_TRUNK_AND_HEAD: true }), [
    'heads.0.clf.0.weight',
    'heads.0.clf.0.bias',
  ])
  t.deepEqual(trained({ EVAL_MODE_ON: true, FREEZE_TRUNK_AND_HEAD: true }), [])
  t.true(trained({ FREEZE_TRUNK_ONLY: true }).length > 2)
  using some = build({ NON_TRAINABLE_PARAMS: ['trunk._feature_blocks.conv1.weight', 'nope'] })
  const frozen = Array.from(some.namedParameters())
    .filter(([, p]) => !p.requiresGrad)
    .map(([name]) => name)
  t.deepEqual(frozen, ['trunk._feature_blocks.conv1.weight'])
})

test('feature extraction returns the trunk’s features', (t) => {
  using model = build({ FEATURE_EVAL_SETTINGS: { EVAL_MODE_ON: true, EXTRACT_TRUNK_FEATURES_ONLY: true } })
  scope(() =>
    t.deepEqual(
      model.call(ops.randn([2, 3, 16, 16]), ['res5']).map((y) => y.shape),
      [[2, 32, 1, 1]],
    ),
  )
})

test('a model leaves nothing behind but its outputs', (t) => {
  const before = stats().tensors
  {
    using model = build()
    scope(() => {
      const x = ops.randn([2, 3, 16, 16])
      const held = stats().tensors
      model.call(x)
      t.is(stats().tensors, held + 1)
    })
  }
  t.is(stats().tensors, before)
})

test('trunks and heads of one’s own', (t) => {
  class MeanTrunk extends Trunk {
    static readonly key = 'test_mean'
    static readonly params = z.object({ scale: z.number() })
    override readonly outChannels = 3
    readonly #scale: number
    constructor(params: z.output<typeof MeanTrunk.params>) {
      super()
      this.#scale = params.scale
    }
    override forward(x: Tensor): Tensor[] {
      return [x.mean([2, 3]).mul(this.#scale)]
    }
  }
  class Negative extends Head {
    static readonly key = 'test_negative'
    static readonly params = z.strictObject({})
    override forward(x: HeadInput): Tensor {
      return (x as Tensor).neg()
    }
  }
  trunks.register(MeanTrunk.key, MeanTrunk)
  heads.register(Negative.key, Negative)
  using model = new SslModel({
    TRUNK: { NAME: 'test_mean', TRUNK_PARAMS: { test_mean: { scale: 2 } } },
    HEAD: { PARAMS: [['test_negative', {}]] },
  })
  scope(() => t.deepEqual(flat(model.call(ops.ones([1, 3, 2, 2]))[0]!), [-2, -2, -2]))
  t.throws(() => new SslModel({ TRUNK: { NAME: 'test_mean' } }), { instanceOf: VisslError, message: /scale/ })
})
