import test from 'ava'
import { alone, type ProcessGroup } from '../../ts/distributed/index.ts'
import { computeThreads, ops, scope, type Tensor } from '../../ts/engine/index.ts'
import { BatchNorm2d, convertSyncBatchNorm, Sequential } from '../../ts/nn/index.ts'
import { localStatistics } from '../../ts/nn/sync-batch-norm.ts'
import { distance, flat } from '../nn/numbers.ts'

// Other test files run beside this one.
computeThreads(1)

/** A group as one of two processes sees it, the other's statistics being known. */
function pretend(rank: number, parts: readonly Tensor[]): ProcessGroup {
  return { ...alone, rank, size: 2, gather: () => ops.cat([...parts], 0) }
}

test('two processes normalise as one with both parts, gradients and running statistics included', (t) => {
  scope(() => {
    const whole = ops.randn([5, 3, 4, 4]).mul(2).add(1)
    const weights = ops.randn([5, 3, 4, 4])
    using reference = new BatchNorm2d(3)
    const expectedInput = whole.clone()
    expectedInput.requiresGrad = true
    const expected = reference.call(expectedInput)
    expected.mul(weights).sum().backward()

    // Parts of different sizes.
    const inputs = [whole.narrow(0, 0, 2).clone(), whole.narrow(0, 2, 3).clone()]
    for (const input of inputs) input.requiresGrad = true
    const statistics = inputs.map(localStatistics)
    const layers = [new BatchNorm2d(3), new BatchNorm2d(3)]
    const outputs = layers.map((layer, rank) => {
      t.is(convertSyncBatchNorm(new Sequential([layer]), pretend(rank, statistics)), 1)
      return layer.call(inputs[rank]!)
    })
    ops.cat(outputs, 0).mul(weights).sum().backward()

    t.true(distance(flat(ops.cat(outputs, 0)), flat(expected)) < 1e-5)
    const gradients = ops.cat(
      inputs.map((input) => input.grad!),
      0,
    )
    t.true(distance(flat(gradients), flat(expectedInput.grad!)) < 1e-4)
    const summed = layers[0]!.weight!.grad!.add(layers[1]!.weight!.grad!)
    t.true(distance(flat(summed), flat(reference.weight!.grad!)) < 1e-4)
    for (const layer of layers) {
      t.true(distance(flat(layer.running_mean), flat(reference.running_mean)) < 1e-5)
      t.true(distance(flat(layer.running_var), flat(reference.running_var)) < 1e-5)
      t.deepEqual(flat(layer.num_batches_tracked), [1])
      layer.free()
    }
  })
})

test('evaluation and a group of one need nobody else', (t) => {
  using layer = new BatchNorm2d(3)
  const lonely: ProcessGroup = { ...alone, size: 2, gather: () => t.fail() as never }
  scope(() => {
    const x = ops.randn([2, 3, 2, 2])
    convertSyncBatchNorm(layer, lonely)
    layer.eval().call(x)
    convertSyncBatchNorm(layer, alone)
    layer.train().call(x)
    t.pass()
  })
})

test('running statistics stay while a pass is computed a second time', (t) => {
  using layer = new BatchNorm2d(3)
  scope(() => {
    const x = ops.randn([4, 3, 2, 2])
    const first = flat(layer.call(x))
    const mean = flat(layer.running_mean)
    layer.tracksStatistics = false
    t.deepEqual(flat(layer.call(x)), first)
    t.deepEqual(flat(layer.running_mean), mean)
    t.deepEqual(flat(layer.num_batches_tracked), [1])
  })
})
