import { readFileSync } from 'node:fs'
import test from 'ava'
import { noGrad, scope, stats, type Tensor, tensor } from '../../ts/engine/index.ts'
import { VisslError } from '../../ts/errors.ts'
import * as nn from '../../ts/nn/index.ts'
import { distance, flat } from './numbers.ts'

interface Row {
  input: number[]
  output: { shape: number[]; values: number[] }
  grad: number[]
  eval: number[]
  state: Record<string, [number[], number[]]>
}
const golden: Record<string, Row> = JSON.parse(
  readFileSync(new URL('../golden/nn/layers.json', import.meta.url), 'utf8'),
)

const layers: Record<string, () => nn.TensorModule> = {
  conv: () => new nn.Conv2d(4, 6, [3, 2], { stride: [2, 1], padding: [1, 0], dilation: [1, 2], groups: 2 }),
  linear: () => new nn.Linear(5, 3),
  bn1d: () => new nn.BatchNorm1d(5, { eps: 1e-3, momentum: 0.3 }),
  bn2d: () => new nn.BatchNorm2d(3),
  groupNorm: () => new nn.GroupNorm(2, 4),
  layerNorm: () => new nn.LayerNorm(6),
  lrn: () => new nn.LocalResponseNorm(5, { alpha: 0.1, beta: 0.75, k: 2 }),
  lrnEven: () => new nn.LocalResponseNorm(4, { alpha: 0.1 }),
  maxPool: () => new nn.MaxPool2d(3, { stride: 2, padding: 1 }),
  maxPoolCeil: () => new nn.MaxPool2d(3, { stride: 2, ceilMode: true }),
  avgPool: () => new nn.AvgPool2d([3, 2], { stride: 1, padding: 1 }),
  adaptiveAvgPool: () => new nn.AdaptiveAvgPool2d([2, 3]),
  adaptiveMaxPool: () => new nn.AdaptiveMaxPool2d(2),
  relu: () => new nn.ReLU(),
  gelu: () => new nn.GELU(),
  sigmoid: () => new nn.Sigmoid(),
  silu: () => new nn.SiLU(),
  flatten: () => new nn.Flatten(1),
}

function values(shape: readonly number[]): Float32Array {
  const count = shape.reduce((product, size) => product * size, 1)
  return Float32Array.from({ length: count }, (_, i) => Math.sin(Math.fround(i * Math.fround(0.37))))
}

function fill(layer: nn.Module): void {
  for (const [k, parameter] of layer.parameters().entries()) {
    const { shape } = parameter
    using source = tensor(
      values(shape).map((v) => v * 0.5 + 0.1 * k),
      { shape },
    )
    noGrad(() => parameter.copy_(source))
  }
}

for (const [name, row] of Object.entries(golden)) {
  test(`${name} equals PyTorch's layer`, (t) => {
    using layer = layers[name]!()
    fill(layer)
    scope(() => {
      const x = tensor(values(row.input), { shape: row.input, requiresGrad: true })
      const y: Tensor = layer.call(x)
      t.deepEqual(y.shape, row.output.shape)
      t.true(distance(flat(y), row.output.values) < 2e-6)
      const weights = tensor(
        Float32Array.from({ length: y.numel }, (_, i) => Math.cos(Math.fround(i * Math.fround(0.61)))),
        { shape: y.shape },
      )
      y.mul(weights).sum().backward()
      t.true(distance(flat(x.grad!), row.grad) < 5e-6)
      const evaluated: Tensor = layer.eval().call(x)
      t.true(distance(flat(evaluated), row.eval) < 2e-6)
    })
    const state = layer.stateDict()
    t.deepEqual(Object.keys(state), Object.keys(row.state))
    for (const [key, [shape, numbers]] of Object.entries(row.state)) {
      t.deepEqual(state[key]!.shape, shape)
      t.true(distance(flat(state[key]!), numbers) < 2e-6, key)
    }
  })
}

test('dropout acts in training only', (t) => {
  using dropout = new nn.Dropout(0.5)
  scope(() => {
    const x = tensor(new Float32Array(1000).fill(1))
    const kept = flat(dropout.call(x))
    t.true(kept.every((value) => value === 0 || value === 2))
    t.true(kept.includes(0) && kept.includes(2))
    t.is(dropout.eval().call(x), x)
  })
  t.throws(() => new nn.Dropout(1.5), { instanceOf: RangeError })
})

test('batch normalisation refuses one value per channel and a wrong rank in training', (t) => {
  using bn = new nn.BatchNorm1d(3)
  scope(() => {
    t.throws(() => bn.call(tensor([[1, 2, 3]])), { instanceOf: VisslError })
    t.throws(() => bn.call(tensor([1, 2, 3])), { instanceOf: VisslError })
    t.deepEqual(bn.eval().call(tensor([[1, 2, 3]])).shape, [1, 3])
  })
})

test('layers leave nothing behind but their outputs', (t) => {
  const before = stats().tensors
  scope(() => {
    const x = tensor(values([2, 4, 7, 6]), { shape: [2, 4, 7, 6] })
    using layer = new nn.Sequential([layers.conv!(), new nn.ReLU({ inplace: true }), new nn.Flatten(1)])
    const held = stats().tensors
    const y = layer.call(x)
    t.is(stats().tensors, held + 1)
    t.false(y.isFreed)
  })
  t.is(stats().tensors, before)
})
