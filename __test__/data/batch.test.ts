import test from 'ava'
import { createLoader, type DataSplit } from '../../ts/data/index.ts'
import { scope, stats } from '../../ts/engine/index.ts'

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
