import { readFileSync } from 'node:fs'
import test from 'ava'
import { ops, Parameter, scope, stats, type Tensor, tensor } from '../../ts/engine/index.ts'
import { VisslError } from '../../ts/errors.ts'
import { clipGradNorm, clipGradValue, GradientAccumulation, GradScaler, Sgd } from '../../ts/optim/index.ts'
import { flat } from '../nn/numbers.ts'

interface Golden {
  scaler: {
    case: string
    options: Record<string, number>
    script: string[]
    rows: { parameter: number[]; scale: number; tracker: number }[]
    state: Record<string, number>
  }[]
  clip: {
    case: string
    gradients: (number | string)[][]
    kind: 'norm' | 'value'
    limit: number
    norm_type: number | string
    total: number | string | null
    clipped: (number | string)[][]
  }[]
}
const golden: Golden = JSON.parse(
  readFileSync(new URL('../golden/optim/precision.json', import.meta.url), 'utf8'),
)

/** Python's `inf` and `nan`. */
const number = (value: number | string): number =>
  typeof value === 'number' ? value : Number(value.replace('inf', 'Infinity'))

for (const row of golden.scaler) {
  test(`scaler: ${row.case}`, (t) => {
    scope(() => {
      const parameter = new Parameter(ops.ones([3]))
      const optimizer = new Sgd([{ params: [parameter] }], { lr: 0.5, momentum: 0, weight_decay: 0 })
      let scaler = new GradScaler(row.options)
      for (const [i, expected] of row.rows.entries()) {
        optimizer.zeroGrad()
        scaler.scaleLoss(parameter.mul(tensor([0.25, 0.5, 1])).sum()).backward()
        const entry = row.script[i]!
        if (entry !== '') {
          const spoilt = flat(parameter.grad!)
          spoilt[1] = number(entry)
          parameter.grad = tensor(spoilt)
        }
        t.is(scaler.step(optimizer), entry === '')
        scaler.update()
        t.deepEqual(flat(parameter), expected.parameter)
        t.is(scaler.scale, expected.scale)
        t.is(scaler.stateDict()._growth_tracker, expected.tracker)
        // A scaler that was given the state goes on as the first would have.
        const next = new GradScaler()
        next.loadStateDict(scaler.stateDict())
        scaler = next
      }
      t.deepEqual({ ...scaler.stateDict() } as Record<string, number>, row.state)
      parameter.free()
    })
  })
}

test('unscaled gradients can be clipped before the step, once for each update', (t) => {
  scope(() => {
    const parameter = new Parameter(ops.zeros([2]))
    const optimizer = new Sgd([{ params: [parameter] }], { lr: 1, momentum: 0, weight_decay: 0 })
    const scaler = new GradScaler({ init_scale: 4 })
    scaler.scaleLoss(parameter.mul(tensor([3, 4])).sum()).backward()
    t.deepEqual(flat(parameter.grad!), [12, 16])
    scaler.unscale(optimizer)
    t.deepEqual(flat(parameter.grad!), [3, 4])
    t.throws(() => scaler.unscale(optimizer), { instanceOf: VisslError })
    t.is(clipGradNorm([parameter], 1), 5)
    t.true(scaler.step(optimizer))
    t.true(Math.abs(parameter.norm().item() - 1) < 1e-6)
    t.throws(() => scaler.step(optimizer), { instanceOf: VisslError })
    scaler.update()
    t.throws(() => scaler.update(), { instanceOf: VisslError })
    parameter.free()
  })
})

test('a scaler refuses what it cannot work with', (t) => {
  t.throws(() => new GradScaler({ growth_factor: 1 }), { instanceOf: VisslError, message: /growth_factor/ })
  t.throws(() => new GradScaler().loadStateDict({ scale: -1 }), { instanceOf: VisslError })
  scope(() => {
    const parameter = new Parameter(ops.zeros([2]).to('float16'))
    parameter.grad = ops.zeros([2]).to('float16')
    const optimizer = new Sgd([{ params: [parameter] }], { lr: 1 })
    t.throws(() => new GradScaler().unscale(optimizer), { message: /float16/ })
    parameter.free()
  })
})

for (const row of golden.clip) {
  test(`clip: ${row.case}`, (t) => {
    scope(() => {
      const parameters = row.gradients.map((gradient) => {
        const parameter = new Parameter(ops.zeros([gradient.length]))
        parameter.grad = tensor(gradient.map(number))
        return parameter
      })
      const idle = new Parameter(ops.zeros([2]))
      if (row.kind === 'value') clipGradValue([...parameters, idle], row.limit)
      else {
        const total = clipGradNorm([idle, ...parameters], row.limit, { normType: number(row.norm_type) })
        const expected = number(row.total!)
        t.true(Object.is(total, expected) || Math.abs(total - expected) < 1e-5)
      }
      for (const [i, expected] of row.clipped.entries()) {
        for (const [j, value] of flat(parameters[i]!.grad!).entries()) {
          const wanted = number(expected[j]!)
          t.true(Object.is(value, wanted) || Math.abs(value - wanted) < 1e-6, `${value}, not ${wanted}`)
        }
      }
      t.is(idle.grad, null)
      for (const parameter of [...parameters, idle]) parameter.free()
    })
  })
}

test('clipping to nothing is refused, and without gradients nothing happens', (t) => {
  t.throws(() => clipGradNorm([], 0), { instanceOf: VisslError })
  t.throws(() => clipGradNorm([], 1, { normType: Number.NaN }), { instanceOf: VisslError })
  t.throws(() => clipGradValue([], -1), { instanceOf: VisslError })
  t.is(clipGradNorm([], 1), 0)
})

test('gradients that add up over batches are those of one large batch', (t) => {
  scope(() => {
    const data = ops.randn([6, 4])
    const weight = new Parameter(ops.randn([4]))
    const loss = (batch: Tensor) => batch.matmul(weight).square().mean()
    loss(data).backward()
    const whole = flat(weight.grad!)
    const accumulation = new GradientAccumulation(3)
    const due: boolean[] = []
    for (let i = 0; i < 3; i++) {
      if (accumulation.first) weight.grad = null
      t.is(accumulation.last, i === 2)
      accumulation.share(loss(data.narrow(0, 2 * i, 2))).backward()
      due.push(accumulation.next())
    }
    t.deepEqual(due, [false, false, true])
    for (const [i, value] of flat(weight.grad!).entries()) t.true(Math.abs(value - whole[i]!) < 1e-6)
    t.true(accumulation.first)
    t.throws(() => new GradientAccumulation(0), { instanceOf: VisslError })
    weight.free()
  })
})

test.after('no tensor is left over', (t) => {
  t.is(stats().tensors, 0)
})
