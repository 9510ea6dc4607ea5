import { readFileSync } from 'node:fs'
import test from 'ava'
import { scope, stats, tensor } from '../../ts/engine/index.ts'
import { VisslError } from '../../ts/errors.ts'
import { averagePrecision, MeanApListMeter } from '../../ts/meters/index.ts'
import { load, readNpz } from '../nn/npz.ts'
import { plain } from './plain.ts'

interface Row {
  case: string
  config: { name: string; num_meters: number } & Record<string, unknown>
  steps: { after_update: unknown }[]
  value_before_any_update: unknown
  final_after_sync?: unknown
  error?: { message: string }
}
const rows: Row[] = JSON.parse(
  readFileSync(new URL('../golden/meters/mean_ap_list.json', import.meta.url), 'utf8'),
)
const arrays = readNpz('meters/mean_ap_list.npz')

for (const row of rows) {
  const { name: _, ...params } = row.config
  const update = (meter: MeanApListMeter, batch: number) =>
    scope(() => {
      const outputs = Array.from({ length: row.config.num_meters }, (_, j) =>
        load(arrays, `${row.case}/batch${batch}/output${j}`),
      )
      meter.update(outputs, load(arrays, `${row.case}/batch${batch}/target`))
    })
  if (row.error) {
    test(`${row.case} is refused`, (t) => {
      t.throws(() => update(new MeanApListMeter(params), 0), {
        instanceOf: VisslError,
        message: /mean_ap_list/,
      })
    })
    continue
  }
  test(row.case, (t) => {
    let meter = new MeanApListMeter(params)
    t.deepEqual(meter.value() as unknown, plain(row.value_before_any_update))
    for (const [i, step] of row.steps.entries()) {
      update(meter, i)
      t.deepEqual(meter.value() as unknown, plain(step.after_update))
      // A meter that was given the state goes on as the first would have; also after processes were synchronised.
      if (i === 0) meter.sync()
      const next = new MeanApListMeter(params)
      next.loadStateDict(JSON.parse(JSON.stringify(meter.stateDict())))
      meter = next
    }
    meter.sync()
    t.deepEqual(meter.value() as unknown, plain(row.final_after_sync))
    meter.reset()
    t.deepEqual(meter.value() as unknown, plain(row.value_before_any_update))
  })
}

test('outputs of another shape than the target are refused, and nothing is counted', (t) => {
  const meter = new MeanApListMeter({ num_meters: 2, num_classes: 2, meter_names: ['a', 'b'] })
  scope(() => {
    const target = tensor([[1, 0]])
    const good = tensor([[1, 2]])
    t.throws(() => meter.update([good, tensor([[1, 2, 3]])], target), { message: /output b/ })
    t.throws(() => meter.update([good], target), { message: /num_meters is 2/ })
  })
  t.true(Number.isNaN(meter.value().mAP!.a))
})

test('average precision by hand', (t) => {
  // Found at places 1 and 3 of 3: precisions 1 and 2/3.
  t.is(averagePrecision([3, 2, 1], [1, 0, 1]), (1 + 2 / 3) / 2)
  // The precision 1/2 at the first hit is raised to the later 2/3.
  t.is(averagePrecision([4, 3, 2], [0, 1, 1]), 2 / 3)
  t.is(averagePrecision([4, 9, 3, 2], [0, -1, 1, 1]), 2 / 3)
  t.is(averagePrecision([1, 2], [0, 0]), Number.NaN)
  t.is(averagePrecision([], []), Number.NaN)
})

test.after('no tensor is left over', (t) => {
  t.is(stats().tensors, 0)
})
