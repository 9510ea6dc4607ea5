import test from 'ava'
import { Parameter, scope, tensor } from '../../ts/engine/index.ts'
import { buildScheduler, GradScaler, LearningRates, Sgd } from '../../ts/optim/index.ts'
import { type UpdateOptions, Updates } from '../../ts/train/updates.ts'

/** One weight of 1 under SGD at rate 0.1 and loss weight·x. */
function setUp(options: UpdateOptions = {}) {
  const weight = new Parameter(tensor([1]))
  const optimizer = new Sgd([{ params: [weight] }], { momentum: 0, weight_decay: 0 })
  const rates = new LearningRates(optimizer.groups, {
    lr: buildScheduler({ name: 'constant', value: 0.1 }, 1),
  })
  const updates = new Updates(optimizer, rates, options)
  const step = (x: number, last = false) =>
    scope(() => {
      updates.backward(weight.mul(x).sum(), false)
      return updates.step(0, last)
    })
  return { weight, updates, step, value: () => weight.item(), free: () => weight.free() }
}

const near = (got: number, wanted: number): boolean => Math.abs(got - wanted) < 1e-6

test('a batch is an update, unless gradients gather over several', (t) => {
  const plain = setUp()
  t.true(plain.step(2))
  t.true(near(plain.value(), 0.8))
  const gathered = setUp({ accumulate: 3 })
  t.deepEqual([gathered.step(1), gathered.step(2)], [false, false])
  t.false(gathered.updates.settled)
  t.is(gathered.value(), 1)
  t.true(gathered.step(6))
  // The mean of 1, 2 and 6.
  t.true(near(gathered.value(), 1 - 0.1 * 3))
  t.true(gathered.updates.settled)
  t.is(gathered.updates.count, 1)
  plain.free()
  gathered.free()
})

test('the end of an epoch uses what has gathered', (t) => {
  const { step, value, updates, free } = setUp({ accumulate: 4 })
  step(4)
  t.true(step(8, true))
  t.true(near(value(), 1 - 0.1 * 3))
  t.true(updates.settled)
  // The next update begins anew.
  t.false(step(1))
  free()
})

test('gradients are clipped before the update, and their norm is kept', (t) => {
  const byNorm = setUp({ clip: { maxNorm: 1, normType: 2 } })
  byNorm.step(5)
  t.true(near(byNorm.updates.gradientNorm!, 5))
  t.true(Math.abs(byNorm.value() - 0.9) < 1e-5)
  const byValue = setUp({ clipValue: 2 })
  byValue.step(-5)
  t.true(near(byValue.value(), 1.2))
  t.is(byValue.updates.gradientNorm, undefined)
  byNorm.free()
  byValue.free()
})

test('loss scaling changes nothing but leaves out what overflows', (t) => {
  const scaler = new GradScaler({ init_scale: 1024 })
  const { step, value, updates, free } = setUp({ scaler, clip: { maxNorm: 1, normType: 2 } })
  step(0.5)
  t.true(near(value(), 0.95))
  step(Number.POSITIVE_INFINITY)
  t.true(near(value(), 0.95))
  t.is(updates.skipped, 1)
  t.is(scaler.scale, 512)
  free()
})
