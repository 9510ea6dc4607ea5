import { readFileSync } from 'node:fs'
import test from 'ava'
import { scope, stats, tensor } from '../../ts/engine/index.ts'
import { buildMeters, type Meter, PrecisionAtKListMeter, RecallAtKListMeter } from '../../ts/meters/index.ts'

interface Row {
  case: string
  topk: number[]
  batches: {
    scores: number[][]
    target: number[] | number[][]
    values: Record<'precision_at_k' | 'recall_at_k', Record<string, number>>
  }[]
}
const rows: Row[] = JSON.parse(readFileSync(new URL('../golden/meters/at_k.json', import.meta.url), 'utf8'))

const kinds = { precision_at_k: PrecisionAtKListMeter, recall_at_k: RecallAtKListMeter }

for (const row of rows) {
  for (const [key, kind] of Object.entries(kinds) as [
    'precision_at_k' | 'recall_at_k',
    typeof kinds.recall_at_k,
  ][]) {
    test(`${key}: ${row.case}`, (t) => {
      const meter = new kind({ topk_values: row.topk, num_meters: 1, meter_names: ['out'] })
      for (const { scores, target, values } of row.batches) {
        scope(() => meter.update([tensor(scores)], tensor(target, { dtype: 'int64' })))
        const expected = Object.entries(values[key]).map(([k, value]) => [k, { out: value }])
        t.deepEqual(meter.value(), Object.fromEntries(expected))
      }
    })
  }
}

test('meters are built by name, each once', (t) => {
  const built = (config: Parameters<typeof buildMeters>[0]) =>
    buildMeters(config).map((meter: Meter) => meter.name)
  t.deepEqual(built({ name: '' }), [])
  t.deepEqual(built({ name: null, names: [] }), [])
  t.deepEqual(built({ name: 'accuracy_list_meter', accuracy_list_meter: { topk_values: [1, 5] } }), [
    'accuracy_list_meter',
  ])
  const names = ['precision_at_k_list_meter', 'recall_at_k_list_meter', 'accuracy_list_meter']
  t.deepEqual(built({ name: 'recall_at_k_list_meter', names }), [
    'recall_at_k_list_meter',
    'precision_at_k_list_meter',
    'accuracy_list_meter',
  ])
  t.throws(() => built({ name: 'acuracy_list_meter' }), { message: /did you mean accuracy_list_meter/ })
  t.throws(() => built({ name: 'accuracy_list_meter', accuracy_list_meter: { topk_values: [] } }), {
    message: /topk/,
  })
})

test.after('no tensor is left over', (t) => {
  t.is(stats().tensors, 0)
})
