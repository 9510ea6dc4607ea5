import test from 'ava'
import { computeThreads, noGrad, scope } from '../../ts/engine/index.ts'
import { VisslError } from '../../ts/errors.ts'
import { type ModelInput, SslModel } from '../../ts/models/index.ts'
import { hashFill, hashInput } from '../nn/hash-fill.ts'
import { mismatch, rowsOf, type Stat } from './statistics.ts'

// Other test files run beside this one.
computeThreads(1)

interface Row {
  case: string
  model_overrides: ModelInput
  build_error?: { message: string }
  num_params: number
  num_trainable: number
  state_dict: [string, number[], string][]
  classy_state_top: { model: { trunk: number; heads: number } }
  input_shape?: number[]
  features_eval?: Record<string, Stat[] | { error: { type: string } }>
  output_eval?: Stat[]
  output_train?: Stat[]
}

/** Depths that VISSL refuses and this project has. */
const EXTENSIONS = new Set(['resnet34'])

const rows = rowsOf<Row>('trunks.jsonl.gz').filter((row) => !EXTENSIONS.has(row.case))

for (const row of rows) {
  if (row.build_error) {
    test(`${row.case} is refused`, (t) => {
      t.throws(() => new SslModel(row.model_overrides), { instanceOf: VisslError })
    })
    continue
  }
  test(`${row.case}: names, shapes, features and outputs`, (t) => {
    using model = new SslModel(row.model_overrides)
    const state = Object.entries(model.stateDict()).map(([name, value]) => [name, value.shape, value.dtype])
    t.deepEqual(state, row.state_dict)
    const split = model.splitState()
    t.is(Object.keys(split.trunk).length, row.classy_state_top.model.trunk)
    t.is(Object.keys(split.heads).length, row.classy_state_top.model.heads)
    const sizes = model.parameters().map(({ numel, requiresGrad }) => [numel, requiresGrad] as const)
    t.is(
      sizes.reduce((sum, [numel]) => sum + numel, 0),
      row.num_params,
    )
    t.is(
      sizes.reduce((sum, [numel, trained]) => (trained ? sum + numel : sum), 0),
      row.num_trainable,
    )
    if (row.input_shape === undefined) return
    hashFill(model)
    noGrad(() =>
      scope(() => {
        const input = hashInput(row.input_shape!)
        model.eval()
        for (const [feature, stats] of Object.entries(row.features_eval ?? {})) {
          if (Array.isArray(stats)) {
            const [got] = model.trunk.call(input, [feature])
            t.is(mismatch(got!, stats[0]!, 1e-4), undefined, feature)
          } else if (stats.error.type === 'ValueError') {
            t.throws(() => model.trunk.call(input, [feature]), { instanceOf: VisslError }, feature)
          }
        }
        const compare = (expected: Stat[] | undefined, single: number, mode: string) => {
          if (expected === undefined) return
          const got = model.call(input)
          t.is(got.length, expected.length)
          for (const [i, stat] of expected.entries())
            t.is(mismatch(got[i]!, stat, 1e-4, single), undefined, `${mode} ${i}`)
        }
        compare(row.output_eval, 1e-4, 'evaluation')
        model.train()
        // A 2×2 map of two images gives each channel 8 values: one rounding error moves its deviation.
        compare(row.output_train, 2e-3, 'training')
      }),
    )
  })
}
