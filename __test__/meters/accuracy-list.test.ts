import { readFileSync } from 'node:fs'
import test from 'ava'
import { scope, tensor } from '../../ts/engine/index.ts'
import { VisslError } from '../../ts/errors.ts'
import { AccuracyListMeter } from '../../ts/meters/index.ts'
import { roundHalfEven } from '../../ts/meters/round.ts'
import { load, readNpz } from '../nn/npz.ts'
import { plain } from './plain.ts'

interface Row {
  case: string
  config: { name: string; num_meters: number } & Record<string, unknown>
  steps: { after_update: Record<string, unknown> }[]
  value_before_any_update: Record<string, unknown>
  error?: { message: string }
}
const rows: Row[] = JSON.parse(
  readFileSync(new URL('../golden/meters/accuracy_list.json', import.meta.url), 'utf8'),
)
const arrays = readNpz('meters/accuracy_list.npz')

for (const row of rows) {
  const { name: _, ...params } = row.config
  if (row.error) {
    test(`${row.case} is refused`, (t) => {
      t.throws(() => new AccuracyListMeter(params), { instanceOf: VisslError })
    })
    continue
  }
  test(row.case, (t) => {
    const meter = new AccuracyListMeter(params)
    t.deepEqual(meter.value() as unknown, plain(row.value_before_any_update))
    for (const [i, step] of row.steps.entries()) {
      scope(() => {
        const outputs = Array.from({ length: row.config.num_meters }, (_, j) =>
          load(arrays, `${row.case}/batch${i}/output${j}`),
        )
        meter.update(outputs, load(arrays, `${row.case}/batch${i}/target`))
      })
      t.deepEqual(meter.value() as unknown, plain(step.after_update))
    }
    const next = new AccuracyListMeter(params)
    next.loadStateDict(JSON.parse(JSON.stringify(meter.stateDict())))
    t.deepEqual(next.value(), meter.value())
    meter.reset()
    t.deepEqual(meter.value() as unknown, plain(row.value_before_any_update))
  })
}

test('a wrong number of outputs or too few classes is refused', (t) => {
  const meter = new AccuracyListMeter({ num_meters: 1, topk_values: [1, 5] })
  scope(() => {
    const target = tensor([0, 1], { dtype: 'int64' })
    const scores = tensor([
      [1, 2],
      [3, 4],
    ])
    t.throws(() => meter.update([scores, scores], target), { instanceOf: VisslError })
    t.throws(() => meter.update([scores], target), { instanceOf: VisslError, message: /top-5/ })
  })
})

test('rounding is Python’s', (t) => {
  t.is(roundHalfEven(0.0078125, 6), 0.007812)
  t.is(roundHalfEven(0.0234375, 6), 0.023438)
  t.is(roundHalfEven(1 / 3, 6), 0.333333)
  t.is(roundHalfEven(2.5, 0), 2)
})
