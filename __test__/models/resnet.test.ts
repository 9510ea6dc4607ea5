import test from 'ava'
import { computeThreads, noGrad, ops, scope, stats } from '../../ts/engine/index.ts'
import { VisslError } from '../../ts/errors.ts'
import { ResNet } from '../../ts/models/index.ts'
import { flat } from '../nn/numbers.ts'

// Other test files run beside this one.
computeThreads(1)

type Input = Parameters<typeof ResNet.params.parse>[0]

function shapes(params: Input, features: readonly string[] = [], size = 32): number[][] {
  using trunk = new ResNet(ResNet.params.parse(params))
  return noGrad(() =>
    scope(() =>
      trunk
        .eval()
        .call(ops.ones([1, 3, size, size]), features)
        .map((x) => x.shape),
    ),
  )
}

test('features: network order, request order when one repeats, unknown names', (t) => {
  const small = { DEPTH: 18, BASE_WIDTH: 8, STEM: 'small_stride2' }
  t.deepEqual(shapes(small, ['flatten', 'res2', 'conv1']), [
    [1, 8, 16, 16],
    [1, 8, 16, 16],
    [1, 64],
  ])
  t.deepEqual(shapes(small, ['flatten', 'res3', 'flatten']), [
    [1, 64],
    [1, 16, 8, 8],
    [1, 64],
  ])
  t.deepEqual(shapes(small), [[1, 64]])
  const error = t.throws(() => shapes(small, ['res6']), { instanceOf: VisslError })
  t.regex(error.message, /did you mean res/)
  t.throws(() => shapes(small, ['layer1']), { instanceOf: VisslError })
})

test('stems and widths', (t) => {
  t.deepEqual(shapes({ DEPTH: 18, STEM: 'small', BASE_WIDTH: 4 }, ['res1', 'res5']), [
    [1, 4, 32, 32],
    [1, 32, 4, 4],
  ])
  t.deepEqual(shapes({ DEPTH: 50, BASE_WIDTH: 8, LAYER4_STRIDE: 1 }, ['res4', 'res5'], 64), [
    [1, 128, 4, 4],
    [1, 256, 4, 4],
  ])
  t.deepEqual(shapes({ DEPTH: 18, BASE_WIDTH: 4, WIDTH_MULTIPLIER: 2 }), [[1, 64]])
})

test('conv1 keeps its values when the max-pool is absent and later blocks run', (t) => {
  using trunk = new ResNet(ResNet.params.parse({ DEPTH: 18, BASE_WIDTH: 4, STEM: 'small' }))
  scope(() => {
    const x = ops.randn([2, 3, 8, 8])
    const [alone] = trunk.eval().call(x, ['conv1'])
    const [first] = trunk.call(x, ['conv1', 'flatten'])
    t.deepEqual(flat(first!), flat(alone!))
  })
})

test('input types', (t) => {
  const params = ResNet.params.parse({ DEPTH: 18, BASE_WIDTH: 4, STEM: 'small' })
  using rgb = new ResNet(params)
  using bgr = new ResNet(params, { INPUT_TYPE: 'bgr' })
  using lab = new ResNet(params, { INPUT_TYPE: 'lab' })
  bgr.loadStateDict(rgb.stateDict())
  t.deepEqual(lab.stateDict()['_feature_blocks.conv1.weight']!.shape, [4, 1, 3, 3])
  scope(() => {
    const x = ops.randn([2, 3, 8, 8])
    const expected = flat(rgb.eval().call(x.flip([1]))[0]!)
    t.deepEqual(flat(bgr.eval().call(x)[0]!), expected)
    t.deepEqual(lab.call(x)[0]!.shape, [2, 32])
  })
})

test('norms', (t) => {
  for (const [norm, more] of [
    ['LayerNorm', {}],
    ['GroupNorm', { GROUPNORM_GROUPS: 2, STANDARDIZE_CONVOLUTIONS: true }],
  ] as const) {
    using trunk = new ResNet(
      ResNet.params.parse({ DEPTH: 18, BASE_WIDTH: 4, STEM: 'small', NORM: norm, ...more }),
    )
    t.is(Array.from(trunk.namedBuffers()).length, 0)
    scope(() => {
      trunk
        .call(ops.randn([1, 3, 8, 8]))[0]!
        .sum()
        .backward()
      t.truthy(trunk.parameters()[0]!.grad)
    })
    if (norm === 'LayerNorm') continue
    scope(() => {
      const conv = trunk._feature_blocks.at('conv1')!
      const x = ops.randn([1, 3, 8, 8])
      const before = flat(conv.call(x))
      noGrad(() => trunk.parameters()[0]!.mul_(3).add_(1))
      const after = flat(conv.call(x))
      // Equal but for the 1e-5 that is added to the standard deviation, about 1e-4 of the values.
      t.true(before.every((value, i) => Math.abs(value - after[i]!) < 1e-2))
    })
  }
})

test('bad parameters are refused', (t) => {
  for (const bad of [{ DEPTH: 20 }, { LAYER4_STRIDE: 3 }, { NORM: 'None' }, { WIDTH_MULTIPLIER: 0.5 }]) {
    t.throws(() => ResNet.params.parse(bad))
  }
  t.throws(() => new ResNet(ResNet.params.parse({ DEPTH: 18, GROUPS: 32 })), { instanceOf: VisslError })
})

test('training steps leave no tensors behind', (t) => {
  using trunk = new ResNet(ResNet.params.parse({ DEPTH: 18, BASE_WIDTH: 4, STEM: 'small_stride2' }))
  const step = () =>
    scope(() => {
      trunk
        .call(ops.randn([2, 3, 16, 16]))[0]!
        .mean()
        .backward()
      for (const parameter of trunk.parameters()) parameter.grad = null
    })
  step()
  const before = stats()
  for (let i = 0; i < 3; i++) step()
  t.is(stats().tensors, before.tensors)
})
