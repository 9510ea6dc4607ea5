import test from 'ava'
import { noGrad, ops, scope, stats } from '../../ts/engine/index.ts'
import { VisslError } from '../../ts/errors.ts'
import { Linear, type Module } from '../../ts/nn/index.ts'
import { WeightAverage } from '../../ts/optim/index.ts'
import { flat } from '../nn/numbers.ts'

const fill = (model: Module, value: number) =>
  noGrad(() => {
    for (const parameter of model.parameters()) parameter.fill_(value)
  })
const values = (average: WeightAverage) => Object.values(average.stateDict()).flatMap(flat)
const close = (a: number, b: number) => Math.abs(a - b) < 1e-6 * Math.max(1, Math.abs(b))

test('the average is the weighted sum of all values', (t) => {
  scope(() => {
    using model = new Linear(2, 1)
    fill(model, 1)
    const average = new WeightAverage(model, { decay: 0.9 })
    let expected = 1
    for (let step = 0; step < 5; step++) {
      fill(model, step)
      average.update()
      expected = 0.9 * expected + 0.1 * step
      t.true(values(average).every((value) => close(value, expected)))
    }
    average.free()
  })
})

test('with a warm-up the beginning is soon forgotten', (t) => {
  scope(() => {
    using model = new Linear(1, 1)
    fill(model, 100)
    const average = new WeightAverage(model, { decay: 0.99, warmUp: true })
    fill(model, 0)
    let expected = 100
    for (let n = 0; n < 4; n++) {
      average.update()
      expected *= (1 + n) / (10 + n)
      t.true(values(average).every((value) => close(value, expected)))
    }
    average.free()
  })
})

test('evaluation sees the averages, training its own parameters again', (t) => {
  scope(() => {
    using model = new Linear(2, 1)
    fill(model, 1)
    const average = new WeightAverage(model)
    fill(model, 5)
    const one = ops.ones([1, 2])
    const output = () => noGrad(() => model.call(one).item())
    t.is(average.within(output), 3)
    t.is(output(), 15)
    t.throws(() =>
      average.within(() => {
        throw new Error('in evaluation')
      }),
    )
    t.is(output(), 15)
    t.true(model.parameters().every((parameter) => parameter.requiresGrad))
    average.free()
  })
})

test('a restored average goes on as the first', (t) => {
  scope(() => {
    using model = new Linear(2, 1)
    const first = new WeightAverage(model, { decay: 0.9, warmUp: true })
    fill(model, 3)
    first.update()
    const second = new WeightAverage(model, { decay: 0.9, warmUp: true })
    second.loadStateDict(first.stateDict(), first.updates)
    for (const average of [first, second]) average.update()
    t.deepEqual(values(second), values(first))
    using other = new Linear(3, 1)
    const third = new WeightAverage(other)
    t.throws(() => third.loadStateDict(first.stateDict(), 1), { instanceOf: VisslError, message: /weight/ })
    t.throws(() => new WeightAverage(model, { decay: 1 }), { instanceOf: VisslError })
    for (const average of [first, second, third]) average.free()
  })
})

test.after('no tensor is left over', (t) => {
  t.is(stats().tensors, 0)
})
