import test from 'ava'
import { manualSeed, ops, scope, type Tensor } from '../../ts/engine/index.ts'
import { VisslError } from '../../ts/errors.ts'
import { buildLoss } from '../../ts/losses/index.ts'
import { load } from '../nn/npz.ts'
import { distance, flat } from '../nn/numbers.ts'
import { close, goldenOf, gradientError, leaf, lossOf } from './_golden.ts'

const key = 'multicrop_simclr_info_nce_loss'
const golden = goldenOf(key)

for (const [name, row] of golden.rows) {
  test(name, (t) => {
    if (row.error && row.config.num_crops === 1) {
      t.throws(() => lossOf(row.config), { instanceOf: VisslError })
      return
    }
    using loss = lossOf(row.config)
    scope(() => {
      const given = load(golden.arrays, `${name}/input`)
      if (row.error) {
        t.throws(() => loss.call(given), { instanceOf: VisslError })
        return
      }
      for (const [dtype, suffix, tolerance] of [
        ['float32', '', 1e-6],
        ['float64', '_f64', 1e-12],
      ] as const) {
        const input = leaf(given.to(dtype))
        const value = loss.call(input)
        value.backward()
        const expected = Number(golden.arrays.get(`${name}/loss${suffix}`)!.data[0])
        t.true(close(value.item(), expected, tolerance), `${dtype}: ${value.item()} for ${expected}`)
        const gradient = golden.arrays.get(`${name}/grad_input${suffix}`)!.data
        const largest = Math.max(...Array.from(gradient as Float64Array, Math.abs))
        if (largest < 1e-6) t.true(flat(input.grad!).every((v) => Math.abs(v) < 1e-6))
        else t.true(distance(flat(input.grad!), gradient) < tolerance * 20, dtype)
      }
    })
  })
}

function plain(rows: number[][], crops: number, temperature: number): number {
  const images = rows.length / crops
  const unit = rows.map((row) => row.map((v) => v / Math.hypot(...row)))
  const s = (i: number, j: number) =>
    Math.exp(unit[i]!.reduce((sum, v, k) => sum + v * unit[j]![k]!, 0) / temperature)
  let sum = 0
  for (let i = 0; i < rows.length; i++) {
    let negatives = 0
    for (let j = 0; j < rows.length; j++) if (j % images !== i % images) negatives += s(i, j)
    for (let j = 0; j < rows.length; j++) {
      if (j !== i && j % images === i % images) sum -= Math.log(s(i, j) / (s(i, j) + negatives))
    }
  }
  return sum / (rows.length * (crops - 1))
}

const build = (num_crops: number, temperature: number) =>
  buildLoss({ name: key, [key]: { num_crops, temperature, buffer_params: { embedding_dim: 4 } } })

test('the value equals a loop over pairs, the gradient finite differences', (t) => {
  manualSeed(1)
  using loss = build(3, 0.4)
  scope(() => {
    const input = ops.randn([9, 4], { dtype: 'float64' })
    t.true(close(loss.call(input).item(), plain(input.toArray() as number[][], 3, 0.4), 1e-12))
    t.true(gradientError((x: Tensor) => loss.call(x), [input]) < 1e-7)
  })
})

test('neither the order of images and crops nor the scale matters', (t) => {
  manualSeed(2)
  using loss = build(3, 0.2)
  scope(() => {
    const input = ops.randn([3, 5, 4], { dtype: 'float64' })
    const value = loss.call(input.reshape([15, 4])).item()
    const images = input.index_select(1, ops.randperm(5))
    t.true(close(loss.call(images.reshape([15, 4])).item(), value, 1e-12))
    t.true(close(loss.call(input.flip([0]).reshape([15, 4])).item(), value, 1e-12))
    t.true(close(loss.call(input.mul(7).reshape([15, 4])).item(), value, 1e-12))
  })
})

test('with two crops it is SimCLR’s loss', (t) => {
  manualSeed(3)
  using loss = build(2, 0.3)
  using simclr = buildLoss({
    name: 'simclr_info_nce_loss',
    simclr_info_nce_loss: { temperature: 0.3, buffer_params: { embedding_dim: 4 } },
  })
  scope(() => {
    const input = ops.randn([8, 4], { dtype: 'float64' })
    t.true(close(loss.call(input).item(), simclr.call(input).item(), 1e-12))
  })
})

test('very sharp temperatures stay finite', (t) => {
  using loss = build(3, 0.001)
  scope(() => {
    const input = leaf(ops.randn([9, 4]))
    const value = loss.call(input)
    value.backward()
    t.true(Number.isFinite(value.item()) && flat(input.grad!).every(Number.isFinite))
  })
})

test('crops and batches that do not fit are refused before the first step', (t) => {
  const context = { batchSize: 4, worldSize: 1, samples: 10, crops: 3, dropLast: true, labels: false }
  using loss = build(3, 0.1)
  t.notThrows(() => loss.check!(context))
  t.throws(() => loss.check!({ ...context, crops: 2 }), {
    message: /num_crops is 3, and the transforms make 2/,
  })
  t.throws(() => loss.check!({ ...context, batchSize: 1 }), { message: /one image/ })
})
