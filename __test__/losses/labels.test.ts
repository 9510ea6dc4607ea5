import test from 'ava'
import { manualSeed, ops, scope, type Tensor, tensor } from '../../ts/engine/index.ts'
import { VisslError } from '../../ts/errors.ts'
import { buildLoss, type LossContext } from '../../ts/losses/index.ts'
import { load } from '../nn/npz.ts'
import { distance, flat } from '../nn/numbers.ts'
import { close, goldenOf, gradientError, inputsOf, lossOf } from './_golden.ts'

const context: LossContext = {
  batchSize: 4,
  worldSize: 1,
  samples: 100,
  crops: 1,
  dropLast: true,
  labels: true,
}

for (const key of [
  'cross_entropy_multiple_output_single_target',
  'bce_logits_multiple_output_single_target',
]) {
  const golden = goldenOf(key)
  for (const [name, row] of golden.rows) {
    test(`${key}, ${name}`, (t) => {
      using loss = lossOf(row.config)
      scope(() => {
        const inputs = inputsOf(golden, name)
        const target = load(golden.arrays, `${name}/target`)
        const output = inputs.length === 1 ? inputs[0]! : inputs
        if (row.error) {
          t.throws(() => loss.call(output, target), { instanceOf: VisslError })
          return
        }
        const value = loss.call(output, target)
        value.backward()
        t.true(close(value.item(), Number(row.loss)), `${value.item()} for ${row.loss}`)
        for (const [i, input] of inputs.entries()) {
          const expected = golden.arrays.get(`${name}/grad_input${i}`)!.data
          const got = input.grad === null ? new Array(input.numel).fill(0) : flat(input.grad)
          t.true(distance(got, expected) < 1e-5)
        }
      })
    })
  }
}

test('several outputs are summed up, soft targets and smoothing are understood', (t) => {
  manualSeed(3)
  const name = 'cross_entropy_multiple_output_single_target'
  const build = (params: object) => buildLoss({ name, [name]: params })
  scope(() => {
    const a = ops.randn([4, 3], { dtype: 'float64' })
    const b = ops.randn([4, 3], { dtype: 'float64' })
    const target = tensor([0, 2, -1, 1], { dtype: 'int64' })
    using loss = build({})
    const sum = loss.call([a, b], target).item()
    t.true(close(sum, loss.call(a, target).item() + loss.call(b, target).item(), 1e-12))

    const labels = tensor([0, 2, 1, 1], { dtype: 'int64' })
    const soft = ops
      .one_hot(labels, 3)
      .to('float64')
      .mul(0.9)
      .add(0.1 / 3)
    using smooth = build({ label_smoothing: 0.1 })
    t.true(close(smooth.call(a, labels).item(), loss.call(a, soft).item(), 1e-12))
    const plain = -a.log_softmax(1).mul(soft).sum().item() / 4
    t.true(close(loss.call(a, soft).item(), plain, 1e-12))

    using weighted = build({ weight: [1, 0, 3] })
    const logs = flat(a.log_softmax(1))
    const expected = -(logs[0]! + 3 * logs[5]!) / 4
    t.true(close(weighted.call(a.to('float32'), target).item(), expected))
  })
})

test('BCE counts each class by its own rows', (t) => {
  using loss = buildLoss({ name: 'bce_logits_multiple_output_single_target' })
  scope(() => {
    const output = tensor([
      [1, -2],
      [0.5, 3],
    ])
    const target = tensor(
      [
        [1, -1],
        [0, 1],
      ],
      { dtype: 'int64' },
    )
    const bce = (x: number, y: number) => Math.log(1 + Math.exp(-x)) + (1 - y) * x
    const expected = (bce(1, 1) + bce(0.5, 0)) / 2 + bce(3, 1)
    t.true(close(loss.call(output, target).item(), expected))
    const error = gradientError((x) => loss.call(x, target), [output])
    t.true(error < 1e-7)
    t.throws(() => loss.call(output, tensor([1, 0])), { instanceOf: VisslError })
    t.throws(() => loss.call(output), { message: /needs labels/ })
  })
  const name = 'bce_logits_multiple_output_single_target'
  t.throws(() => buildLoss({ name, [name]: { reduction: 'mean' } }), { instanceOf: VisslError })
})

test('losses of PyTorch are found by name', (t) => {
  manualSeed(5)
  const build = (name: string, params: object = {}) => buildLoss({ name, [name]: params })
  scope(() => {
    const x = ops.randn([4, 3])
    const y = ops.rand([4, 3])
    const labels = tensor([0, 2, 1, 1], { dtype: 'int64' })
    const signs = y.gt(0.5).to('float32').mul(2).sub(1)
    const mean = (value: Tensor) => value.mean().item()
    const d = x.sub(y)
    const expected: [string, object, Tensor, Tensor, number][] = [
      ['MSELoss', {}, x, y, mean(d.pow(2))],
      ['MSELoss', { reduction: 'sum' }, x, y, d.pow(2).sum().item()],
      ['L1Loss', {}, x, y, mean(d.abs())],
      ['SmoothL1Loss', { beta: 1e-9 }, x, y, mean(d.abs())],
      ['HuberLoss', { delta: 1e9 }, x, y, mean(d.pow(2)) / 2],
      ['BCELoss', {}, x.sigmoid(), y, mean(ops.softplus(x).sub(x.mul(y)))],
      ['BCEWithLogitsLoss', {}, x, y, mean(ops.softplus(x).sub(x.mul(y)))],
      ['MultiLabelSoftMarginLoss', {}, x, y, mean(ops.softplus(x).sub(x.mul(y)))],
      ['KLDivLoss', {}, x.log_softmax(1), y, mean(y.mul(y.log().sub(x.log_softmax(1))))],
      ['SoftMarginLoss', {}, x, signs, mean(ops.softplus(x.mul(signs).neg()))],
      ['PoissonNLLLoss', {}, x, y, mean(x.exp().sub(x.mul(y)))],
      ['NLLLoss', {}, x.log_softmax(1), labels, -mean(x.log_softmax(1).gather(1, labels.unsqueeze(1)))],
    ]
    for (const [name, params, output, target, value] of expected) {
      using loss = build(name, params)
      t.true(close(loss.call(output, target).item(), value, 1e-5), name)
    }
    for (const name of ['HingeEmbeddingLoss', 'MultiMarginLoss', 'MultiLabelMarginLoss']) {
      using loss = build(name)
      const target =
        name === 'HingeEmbeddingLoss'
          ? signs
          : name === 'MultiMarginLoss'
            ? labels
            : labels.unsqueeze(1).expand([4, 3])
      t.true(Number.isFinite(loss.call(x, target).item()), name)
    }
    using weighted = build('BCEWithLogitsLoss', { pos_weight: [2, 1, 1] })
    t.true(weighted.call(x, y).item() > expected[6]![4])
    using mse = build('MSELoss')
    t.throws(() => mse.call(x, y.narrow(0, 0, 2)), { message: /4×3 and the target 2×3/ })
    t.throws(() => mse.call([x, x], y), { message: /one output/ })
  })
  t.throws(() => buildLoss({ name: 'MSELos' }), { message: /did you mean MSELoss/ })
})

test('labels are asked for before the first step', (t) => {
  for (const name of [
    'CrossEntropyLoss',
    'cross_entropy_multiple_output_single_target',
    'bce_logits_multiple_output_single_target',
  ]) {
    const error = t.throws(() => buildLoss({ name }, { ...context, labels: false }), {
      instanceOf: VisslError,
    })
    t.regex(error.fix!, /LABEL_SOURCES/)
    buildLoss({ name }, context).free()
  }
})

test('CrossEntropyLoss is 0 when nothing counts, and names a label that is no class', (t) => {
  using loss = buildLoss({ name: 'CrossEntropyLoss' })
  scope(() => {
    const x = ops.ones([2, 3])
    t.is(loss.call(x, tensor([-1, -1], { dtype: 'int64' })).item(), 0)
    t.throws(() => loss.call(x, tensor([0, 3], { dtype: 'int64' })), {
      message: /a label is 3, .* 3 columns/,
    })
    t.throws(() => loss.call(x, tensor([0, -2], { dtype: 'int64' })), { message: /a label is -2/ })
    t.throws(() => loss.call(x, tensor([0], { dtype: 'int64' })), { message: /do not go together/ })
  })
})
