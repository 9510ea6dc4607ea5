import test from 'ava'
import { manualSeed, noGrad, ops, scope } from '../../ts/engine/index.ts'
import { VisslError } from '../../ts/errors.ts'
import { buildLoss, type MocoLoss } from '../../ts/losses/index.ts'
import { functional, Linear } from '../../ts/nn/index.ts'
import { load } from '../nn/npz.ts'
import { distance, flat } from '../nn/numbers.ts'
import { close, goldenOf, gradientError, leaf, lossOf } from './_golden.ts'

const golden = goldenOf('moco_loss')

for (const [name, row] of golden.rows) {
  test(name, (t) => {
    using loss = lossOf<MocoLoss>(row.config)
    scope(() => {
      noGrad(() => loss.queue.copy_(load(golden.arrays, `${name}/queue_init`)))
      loss.key = load(golden.arrays, `${name}/key`)
      const query = () => leaf(load(golden.arrays, `${name}/query`))
      if (row.error) {
        t.throws(() => loss.call(query()), { instanceOf: VisslError, message: /multiple/ })
        return
      }
      for (const [step, expected] of [...(row.losses_earlier_steps ?? []), Number(row.loss)].entries()) {
        const input = query()
        const value = loss.call(input)
        value.backward()
        t.true(close(value.item(), expected, 2e-6), `step ${step}`)
        t.true(distance(flat(loss.queue), golden.arrays.get(`${name}/queue_after_step${step}`)!.data) < 1e-6)
        t.deepEqual(
          flat(loss.queue_ptr),
          Array.from(golden.arrays.get(`${name}/queue_ptr_after_step${step}`)!.data, Number),
        )
        const isLast = step === (row.losses_earlier_steps?.length ?? 0)
        if (isLast) t.true(distance(flat(input.grad!), golden.arrays.get(`${name}/grad_query`)!.data) < 1e-5)
      }
      t.deepEqual(Object.keys(loss.stateDict()), Object.keys(row.state_dict!))
    })
  })
}

const build = (params: object = {}) =>
  buildLoss({ name: 'moco_loss', moco_loss: { embedding_dim: 3, queue_size: 8, ...params } }) as MocoLoss

test('the value equals a loop, the gradient finite differences, and scale does not matter', (t) => {
  manualSeed(1)
  using loss = build({ temperature: 0.3 })
  loss.to({ dtype: 'float64' })
  scope(() => {
    const query = ops.randn([4, 3], { dtype: 'float64' })
    loss.key = functional.normalize(ops.randn([4, 3], { dtype: 'float64' }))
    const unit = functional.normalize(query).toArray() as number[][]
    const keys = loss.key.toArray() as number[][]
    const queue = loss.queue.t().toArray() as number[][]
    const dot = (a: number[], b: number[]) => a.reduce((sum, v, i) => sum + v * b[i]!, 0) / 0.3
    const expected = unit.map((q, i) => {
      const logits = [dot(q, keys[i]!), ...queue.map((k) => dot(q, k))]
      return Math.log(logits.reduce((sum, l) => sum + Math.exp(l), 0)) - logits[0]!
    })
    const average = expected.reduce((sum, v) => sum + v) / 4
    t.true(close(noGrad(() => loss.call(query)).item(), average, 1e-12))
    t.true(close(noGrad(() => loss.call(query.mul(9))).item(), average, 1e-12))
    const before = loss.queue.clone()
    const error = gradientError(
      (x) => {
        noGrad(() => loss.queue.copy_(before))
        return loss.call(x)
      },
      [query],
    )
    t.true(error < 1e-7)
  })
})

test('a test leaves the queue alone', (t) => {
  using loss = build()
  scope(() => {
    loss.key = ops.ones([4, 3])
    const before = flat(loss.queue)
    noGrad(() => loss.call(ops.ones([4, 3])))
    t.deepEqual(flat(loss.queue), before)
  })
})

test('what does not fit is named', (t) => {
  using loss = build()
  const context = { batchSize: 4, worldSize: 1, samples: 10, crops: 2, dropLast: true, labels: false }
  t.notThrows(() => loss.check!(context))
  const error = t.throws(() => loss.check!({ ...context, batchSize: 3 }), { instanceOf: VisslError })
  t.regex(error.message, /8 keys is no multiple of the global batch of 3/)
  t.regex(error.fix!, /queue_size=9/)
  t.throws(() => loss.check!({ ...context, dropLast: false }), { message: /full batches/ })
  t.throws(() => loss.check!({ ...context, crops: 1 }), { message: /two views/ })
  scope(() => {
    t.throws(() => loss.call(ops.ones([4, 3])), { message: /has not run/ })
    loss.key = ops.ones([2, 3])
    t.throws(() => loss.call(ops.ones([4, 3])), { message: /4 queries and 2 keys/ })
    t.throws(() => loss.call(ops.ones([4, 5])), { message: /embedding_dim is 3/ })
  })
})

test('an encoder’s state that is loaded before the encoder comes waits for it', (t) => {
  using first = build()
  first.adopt(new Linear(2, 3))
  t.deepEqual(Object.keys(first.stateDict()), [
    'queue',
    'queue_ptr',
    'moco_encoder.weight',
    'moco_encoder.bias',
  ])
  using second = build()
  second.loadStateDict(first.stateDict())
  t.is(second.encoder, null)
  const encoder = new Linear(2, 3)
  t.true(second.adopt(encoder))
  t.deepEqual(flat(encoder.weight), flat((first.encoder as Linear).weight))
  t.false(encoder.weight.requiresGrad)
  using third = build()
  t.false(third.adopt(new Linear(2, 3)))
  third.loadStateDict(first.stateDict())
  t.deepEqual(flat((third.encoder as Linear).bias!), flat((first.encoder as Linear).bias!))
})
