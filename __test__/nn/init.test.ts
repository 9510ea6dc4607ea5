import { readFileSync } from 'node:fs'
import test from 'ava'
import { manualSeed, ops, type Tensor } from '../../ts/engine/index.ts'
import { BatchNorm2d, Conv2d, init, Linear, Sequential } from '../../ts/nn/index.ts'
import { flat } from './numbers.ts'

interface Sample {
  shape: number[]
  first: number[]
  last: number[]
  sum: number
}
const golden: { layers: Record<string, Sample>; functions: Record<string, Sample> } = JSON.parse(
  readFileSync(new URL('../golden/nn/init.json', import.meta.url), 'utf8'),
)

function sample(tensor: Tensor): Omit<Sample, 'sum'> {
  const values = flat(tensor)
  return { shape: tensor.shape, first: values.slice(0, 8), last: values.slice(-4) }
}

test('layers draw the numbers that PyTorch draws from the same seed', (t) => {
  manualSeed(7)
  using model = new Sequential({
    conv: new Conv2d(3, 8, 3),
    grouped: new Conv2d(8, 16, [3, 5], { groups: 4, bias: false }),
    linear: new Linear(20, 30),
    unbiased: new Linear(30, 5, { bias: false }),
    bn: new BatchNorm2d(4),
    after: new Linear(7, 3),
  })
  const state = model.stateDict()
  t.deepEqual(Object.keys(state), Object.keys(golden.layers))
  for (const [name, { sum: _, ...expected }] of Object.entries(golden.layers)) {
    t.deepEqual(sample(state[name]!), expected, name)
  }
})

test('initialisations draw the numbers that PyTorch draws', (t) => {
  manualSeed(7)
  using weight = ops.empty([16, 8, 3, 3], { dtype: 'float32' })
  const runs: Record<string, () => unknown> = {
    kaimingUniform: () => init.kaimingUniform_(weight, { a: Math.sqrt(5) }),
    kaimingNormalOut: () => init.kaimingNormal_(weight, { mode: 'fan_out', nonlinearity: 'relu' }),
    xavierUniform: () => init.xavierUniform_(weight),
    normal: () => init.normal_(weight, 1, 0.02),
    uniform: () => init.uniform_(weight, -2, 3),
    truncNormal: () => init.truncNormal_(weight, 0, 0.02),
    truncNormalTight: () => init.truncNormal_(weight, 0, 1, -1, 1),
    truncNormalTail: () => init.truncNormal_(weight, 0, 1, 1, 2),
    constant: () => init.constant_(weight, 0.5),
  }
  t.deepEqual(Object.keys(runs), Object.keys(golden.functions))
  for (const [name, run] of Object.entries(runs)) {
    run()
    const { sum, ...expected } = golden.functions[name]!
    t.deepEqual(sample(weight), expected, name)
    t.true(Math.abs(flat(weight).reduce((a, b) => a + b, 0) - sum) <= 1e-6 * (1 + Math.abs(sum)), name)
  }
})
