import test from 'ava'
import { computeThreads, noGrad, scope, type Tensor } from '../../ts/engine/index.ts'
import { VisslError } from '../../ts/errors.ts'
import { type ModelBatch, type ModelInput, SslModel } from '../../ts/models/index.ts'
import { hashFill, hashInput } from '../nn/hash-fill.ts'
import { mismatch, rowsOf, type Stat } from './statistics.ts'

// Other test files run beside this one.
computeThreads(1)

interface Row {
  case: string
  model_overrides: ModelInput
  error?: object
  build_error?: object
  trunk_class?: string
  num_trainable?: number
  output_feature_names?: string[]
  state_dict?: [string, number[], string][]
  state_dict_prefixes?: string[]
  outputs_eval?: (Stat | Stat[])[] | { error: object }
  input_shape?: number[]
  output_eval?: (Stat | Stat[])[]
  output_train?: (Stat | Stat[])[]
}

/** Lists its layers out of the network's order; VISSL pairs them with the wrong operations, here it is refused. */
const MISORDERED = new Set(['extract_res5avg_flatten'])

const rows = rowsOf<Row>('full_models.jsonl.gz')

/** What the reference's script fed each case with. */
const batches: Readonly<Record<string, () => ModelBatch>> = {
  regnet_eval: () => hashInput([2, 3, 64, 64]),
  pirl_multi_input: () => ({ images: hashInput([2, 3, 64, 64]), patches: hashInput([4, 3, 32, 32]) }),
  multicrop: () => [64, 64, 32, 32].map((size, i) => crop(size, i % 2 === 0 ? 1 : 0.5)),
  multicrop_not_grouped: () => [64, 32, 64].map((size, i) => crop(size, i === 2 ? 0.5 : 1)),
}

const crop = (size: number, factor: number): Tensor => hashInput([2, 3, size, size]).mul(factor)

for (const row of rows) {
  if (row.error !== undefined || row.build_error !== undefined || MISORDERED.has(row.case)) {
    test(`${row.case} is refused`, (t) => {
      t.throws(() => new SslModel(row.model_overrides), { instanceOf: VisslError })
    })
    continue
  }
  test(`${row.case}: names and outputs`, (t) => {
    using model = new SslModel(row.model_overrides)
    const names = Object.keys(model.stateDict())
    if (row.state_dict !== undefined) {
      const state = Object.entries(model.stateDict()).map(([name, each]) => [name, each.shape, each.dtype])
      t.deepEqual(state, row.state_dict)
    }
    if (row.state_dict_prefixes !== undefined) {
      const cut = (name: string) => (name.startsWith('trunk') ? name.split('.').slice(0, 2).join('.') : name)
      t.deepEqual([...new Set(names.map(cut))].sort(), row.state_dict_prefixes)
    }
    if (row.num_trainable !== undefined) {
      const trained = model.parameters().filter((parameter) => parameter.requiresGrad)
      t.is(
        trained.reduce((sum, { numel }) => sum + numel, 0),
        row.num_trainable,
      )
    }
    hashFill(model)
    noGrad(() =>
      scope(() => {
        const compare = (batch: ModelBatch, stats: (Stat | Stat[])[], mode: string) => {
          const expected = stats.flat()
          const got = model.call(batch)
          t.is(got.length, expected.length, mode)
          for (const [i, stat] of expected.entries())
            t.is(mismatch(got[i]!, stat, 1e-4), undefined, `${mode} ${i}`)
        }
        model.eval()
        const { outputs_eval: outputs } = row
        if (Array.isArray(outputs)) compare(batches[row.case]!(), outputs, 'evaluation')
        else if (outputs !== undefined) {
          t.throws(() => model.call(hashInput([1, 3, 224, 224])), { instanceOf: VisslError })
        }
        if (row.input_shape === undefined) return
        const input = hashInput(row.input_shape)
        if (row.output_eval) compare(input, row.output_eval, 'evaluation')
        model.train()
        if (row.output_train) compare(input, row.output_train, 'training')
      }),
    )
  })
}

test('what is evaluated stays in evaluation mode', (t) => {
  using model = new SslModel(rows.find((row) => row.case === 'regnet_eval')!.model_overrides)
  model.train()
  const flags = new Map(Array.from(model.namedModules(), ([name, module]) => [name, module.training]))
  t.true(flags.get('trunk'))
  t.false(flags.get('trunk.base_model'))
  t.false(flags.get('trunk.base_model._feature_blocks.res2'))
  t.true(flags.get('heads.0'))
})
