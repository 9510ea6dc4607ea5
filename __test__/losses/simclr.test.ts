import { readFileSync } from 'node:fs'
import test from 'ava'
import { manualSeed, ops, scope, stats, type Tensor } from '../../ts/engine/index.ts'
import { VisslError } from '../../ts/errors.ts'
import { buildLoss, type SimclrInfoNceLoss } from '../../ts/losses/index.ts'
import { load, readNpz } from '../nn/npz.ts'
import { distance, flat } from '../nn/numbers.ts'

interface Row {
  config: { name: string } & Record<string, unknown>
  loss?: number
  error?: { message: string }
}
const golden: Record<string, Row> = JSON.parse(
  readFileSync(new URL('../golden/losses/simclr_info_nce_loss.json', import.meta.url), 'utf8'),
)
const arrays = readNpz('losses/simclr_info_nce_loss.npz')

function build({ name, ...params }: Row['config']): SimclrInfoNceLoss {
  return buildLoss({ name, [name]: params }) as SimclrInfoNceLoss
}

for (const [name, row] of Object.entries(golden)) {
  if (row.error) {
    test(`${name} is refused`, (t) => {
      using loss = build(row.config)
      scope(() => t.throws(() => loss.call(load(arrays, `${name}/input`)), { instanceOf: VisslError }))
    })
    continue
  }
  test(`${name}: value and gradient`, (t) => {
    using loss = build(row.config)
    scope(() => {
      const check = (dtype: 'float32' | 'float64', suffix: string, tolerance: number) => {
        const input = load(arrays, `${name}/input`).to(dtype).detach()
        input.requiresGrad = true
        const value = loss.call(input)
        value.backward()
        const expected = Number(arrays.get(`${name}/loss${suffix}`)!.data[0])
        t.true(Math.abs(value.item() - expected) <= tolerance * Math.max(1, Math.abs(expected)), dtype)
        const gradient = arrays.get(`${name}/grad_input${suffix}`)!.data
        const largest = Math.max(...Array.from(gradient as Float64Array, Math.abs))
        if (largest < 1e-6) t.true(flat(input.grad!).every((v) => Math.abs(v) < 1e-6))
        else t.true(distance(flat(input.grad!), gradient) < tolerance * 10, `gradient ${dtype}`)
      }
      check('float32', '', 1e-6)
      check('float64', '_f64', 1e-12)
    })
  })
}

test('the gradient equals finite differences', (t) => {
  manualSeed(1)
  using loss = build({ name: 'simclr_info_nce_loss', temperature: 0.3, buffer_params: { embedding_dim: 5 } })
  scope(() => {
    const input = ops.randn([6, 5], { dtype: 'float64' })
    input.requiresGrad = true
    loss.call(input).backward()
    const gradient = flat(input.grad!)
    const at = (i: number, step: number) =>
      scope(() => {
        const moved: Tensor = input.detach().clone()
        moved.view([-1]).select(0, i).add_(step)
        return loss.call(moved).item()
      })
    for (let i = 0; i < 30; i++) {
      const numeric = (at(i, 1e-6) - at(i, -1e-6)) / 2e-6
      t.true(Math.abs(numeric - gradient[i]!) < 1e-7, `element ${i}`)
    }
  })
})

test('very sharp temperatures stay finite', (t) => {
  manualSeed(1)
  using loss = build({
    name: 'simclr_info_nce_loss',
    temperature: 0.001,
    buffer_params: { embedding_dim: 5 },
  })
  scope(() => {
    const input = ops.randn([6, 5])
    input.requiresGrad = true
    const value = loss.call(input)
    value.backward()
    t.true(Number.isFinite(value.item()))
    t.true(flat(input.grad!).every(Number.isFinite))
  })
})

test('wrong sizes and settings are named', (t) => {
  using loss = build({ name: 'simclr_info_nce_loss', buffer_params: { embedding_dim: 4 } })
  scope(() => {
    t.regex(t.throws(() => loss.call(ops.ones([8, 3])))!.message, /embedding_dim is 4, got 8×3/)
    t.regex(t.throws(() => loss.call(ops.ones([7, 4])))!.message, /7 rows do not come from 2 crops/)
    t.regex(t.throws(() => loss.call(ops.ones([8])))!.message, /takes N×D/)
  })
  const bad = () => build({ name: 'simclr_info_nce_loss', temperature: -1 })
  t.regex(t.throws(bad, { instanceOf: VisslError })!.message, /temperature/)
})

test('views and batches that do not fit are refused before the first step', (t) => {
  const context = { batchSize: 4, worldSize: 2, samples: 10, crops: 2, dropLast: true, labels: false }
  using loss = build({ name: 'simclr_info_nce_loss' })
  t.notThrows(() => loss.check!(context))
  t.throws(() => loss.check!({ ...context, crops: 1 }), { message: /two views/ })
  t.throws(() => loss.check!({ ...context, dropLast: false }), { message: /full batches/ })
  t.throws(() => loss.check!({ ...context, batchSize: 1, worldSize: 1 }), { message: /one image/ })
})

test('repeated calls keep no tensor', (t) => {
  using loss = build({ name: 'simclr_info_nce_loss', buffer_params: { embedding_dim: 4 } })
  const once = (rows: number) => scope(() => loss.call(ops.randn([rows, 4])).item())
  once(8)
  const before = stats().tensors
  for (let i = 0; i < 5; i++) once(i % 2 === 0 ? 6 : 8)
  t.is(stats().tensors, before)
})
