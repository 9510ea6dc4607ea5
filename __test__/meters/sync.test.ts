import test from 'ava'
import { alone, type ProcessGroup, setWorldGroup } from '../../ts/distributed/index.ts'
import { ops, scope, stats, type Tensor, tensor } from '../../ts/engine/index.ts'
import { gatherFromProcesses, sumOverProcesses } from '../../ts/meters/collect.ts'
import { AccuracyListMeter, MeanApListMeter } from '../../ts/meters/index.ts'

/** The first of two processes; the other one gives `other` in place of each tensor. */
const pair = (other: (own: Tensor) => Tensor): ProcessGroup => ({
  ...alone,
  size: 2,
  gather: (own) => ops.cat([own, other(own)], 0),
  allReduce: (own) => {
    own.add_(other(own))
  },
})

const withGroup = <T>(group: ProcessGroup, work: () => T): T => {
  setWorldGroup(group)
  try {
    return work()
  } finally {
    setWorldGroup(alone)
  }
}

test.serial('counts are added up, values put one after another', (t) => {
  const other = pair((own) => own.mul(10))
  t.deepEqual(
    withGroup(other, () => sumOverProcesses([1, 2])),
    [11, 22],
  )
  let call = 0
  // The other process has three values, this one two: first the lengths are exchanged.
  const longer = pair(() => (call++ === 0 ? tensor(Float64Array.of(0, 3)) : tensor([[7, 8, 9]])))
  t.deepEqual(
    withGroup(longer, () => gatherFromProcesses([1, 2])),
    [1, 2, 7, 8, 9],
  )
})

test.serial('a meter’s value is that of all processes after a sync, and goes on from there', (t) => {
  const meter = new AccuracyListMeter({ topk_values: [1] })
  scope(() =>
    meter.update(
      [
        tensor([
          [0, 1],
          [0, 1],
        ]),
      ],
      tensor([1, 0], { dtype: 'int64' }),
    ),
  )
  // The other process has one right of one: [1, 1] beside this one's [1, 2].
  withGroup(
    pair(() => tensor(Float64Array.of(1, 1))),
    () => meter.sync(),
  )
  t.is(meter.value().top_1!['0'], 66.6667)
  scope(() => meter.update([tensor([[0, 1]])], tensor([0], { dtype: 'int64' })))
  t.is(meter.value().top_1!['0'], 50)
  withGroup(
    pair(() => tensor(Float64Array.of(0, 0))),
    () => meter.sync(),
  )
  t.is(meter.value().top_1!['0'], 50)
})

test.serial('average precision ranks the samples of all processes together', (t) => {
  const meter = new MeanApListMeter({ num_classes: 1 })
  scope(() => meter.update([tensor([[2], [-2]])], tensor([[1], [0]])))
  t.is(meter.value().mAP!['0'], 100)
  const calls = [
    () => tensor(Float64Array.of(0, 1)), // number of scores
    () => tensor([[0.99, 0]]), // its score, padded
    () => tensor(Float64Array.of(0, 1)), // number of labels
    () => tensor([[0, 0]]), // its label, padded
  ]
  withGroup(
    pair(() => calls.shift()!()),
    () => meter.sync(),
  )
  t.is(meter.value().mAP!['0'], 50)
})

test.after('no tensor is left over', (t) => {
  t.is(stats().tensors, 0)
})
