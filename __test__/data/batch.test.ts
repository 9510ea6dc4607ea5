import test from 'ava'
import { createLoader, type DataSplit } from '../../ts/data/index.ts'
import { ops, scope, stats, type Tensor } from '../../ts/engine/index.ts'

const split: DataSplit = {
  DATA_SOURCES: ['shapes'],
  DATA_PATHS: [],
  LABEL_SOURCES: ['shapes'],
  TRANSFORMS: [{ name: 'RandomCrop', size: 8 }, { name: 'ToTensor' }],
  COLLATE_FUNCTION: 'default_collate',
  BATCHSIZE_PER_REPLICA: 4,
  DATA_LIMIT: 8,
}

test('tensors share the memory of the batch and die with their scope', async (t) => {
  const before = stats().tensors
  using plain = createLoader({ split })
  using last = createLoader({ split, channelsLast: true })
  const sums: number[][] = []
  for (const loader of [plain, last]) {
    for await (const batch of loader.epoch(0)) {
      scope(() => {
        const { input, target } = batch.tensors()
        t.deepEqual([...input.shape], [4, 3, 8, 8])
        t.is(input.dtype, 'float32')
        t.deepEqual([...target.shape], [4])
        t.is(target.dtype, 'int64')
        sums.push([input.sum().item(), target.sum().item()])
      })
    }
  }
  t.is(sums.length, 4)
  t.deepEqual(
    sums.slice(0, 2).map(([sum, label]) => [Math.fround(sum!).toFixed(2), label]),
    sums.slice(2).map(([sum, label]) => [Math.fround(sum!).toFixed(2), label]),
  )
  t.is(stats().tensors, before)
})

test('tensors keep their memory from the batches to come', async (t) => {
  const before = stats().tensors
  // Large enough for memory that is used again.
  const large: DataSplit = {
    ...split,
    TRANSFORMS: [{ name: 'Resize', size: [64, 64] }, { name: 'ToTensor' }],
    DATA_LIMIT: 40,
  }
  using reference = createLoader({ split: large, workers: 0 })
  const sums: number[] = []
  for await (const batch of reference.epoch(0)) scope(() => sums.push(batch.take('data.0').sum().item()))
  const loader = createLoader({ split: large, workers: 2 })
  const views: Tensor[] = []
  const weights: Tensor[] = []
  for await (const batch of loader.epoch(0)) {
    const index = batch.index
    scope(() => {
      const input = batch.take('data.0')
      if (index % 3 === 0) views.push(input.select(0, 3).keep())
      if (index % 3 === 1) {
        // The graph holds the batch, nothing else does.
        const weight = ops.ones([]).keep()
        weight.requiresGrad = true
        weights.push(weight, input.mul(weight).sum().keep())
      }
    })
  }
  loader[Symbol.dispose]()
  using again = createLoader({ split: large, workers: 2 })
  for await (const batch of again.epoch(0)) {
    const index = batch.index
    if (index % 3 !== 0) continue
    scope(() =>
      t.true(
        batch
          .take('data.0')
          .select(0, 3)
          .equal(views[index / 3]!),
      ),
    )
  }
  for (let i = 0; i < weights.length; i += 2) {
    scope(() => {
      weights[i + 1]!.backward()
      t.is(weights[i]!.grad!.item(), sums[(3 * i) / 2 + 1]!)
    })
  }
  for (const tensor of [...views, ...weights]) tensor.free()
  t.is(stats().tensors, before)
})
