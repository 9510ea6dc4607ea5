import test from 'ava'
import { createLoader, type DataSplit, startLoaderTrace, stopLoaderTrace } from '../../ts/data/index.ts'
import { VisslError } from '../../ts/errors.ts'

const split: DataSplit = {
  DATA_SOURCES: ['shapes'],
  DATA_PATHS: [],
  LABEL_SOURCES: ['shapes'],
  TRANSFORMS: [{ name: 'RandomResizedCrop', size: 16 }, { name: 'ToTensor' }],
  COLLATE_FUNCTION: 'default_collate',
  BATCHSIZE_PER_REPLICA: 4,
  DATA_LIMIT: 12,
}

test.serial('the parts of the work lie between start and stop, on the clock of the process', async (t) => {
  using loader = createLoader({ split, splitName: 'TEST', workers: 1 })
  const before = performance.now()
  startLoaderTrace()
  const waits: [number, number][] = []
  let asked = performance.now()
  for await (const batch of loader.epoch(0)) {
    waits.push([asked, performance.now()])
    batch.free()
    asked = performance.now()
  }
  const { threads, spans, dropped } = stopLoaderTrace()
  const after = performance.now()
  t.is(dropped, 0)
  t.deepEqual([...threads].sort(), ['TEST data-0', 'TEST taker'])
  for (const { start, end } of spans) t.true(before <= start && start <= end && end <= after)
  const of = (part: string) => spans.filter((span) => span.part === part)
  t.is(of('transform').length, 12)
  t.is(of('read').length, 12)
  t.is(of('collate').length, 15)
  const taken = of('wait for a batch')
  for (const [index, [from, to]] of waits.entries()) {
    t.true(from <= taken[index]!.start && taken[index]!.end <= to)
  }
})

test.serial('a recording is started once and stopped once', (t) => {
  startLoaderTrace()
  t.throws(startLoaderTrace, { instanceOf: VisslError, message: /recorded already/ })
  t.deepEqual(stopLoaderTrace().spans, [])
  t.throws(stopLoaderTrace, { instanceOf: VisslError, message: /not recorded/ })
})
