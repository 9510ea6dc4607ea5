import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import test from 'ava'
import { noGrad, scope, type Tensor } from '../../ts/engine/index.ts'
import { VisslError } from '../../ts/errors.ts'
import { type ModelInput, SslModel } from '../../ts/models/index.ts'
import { hashFill, hashInput } from '../nn/hash-fill.ts'
import { flat } from '../nn/numbers.ts'

interface Stat {
  shape: number[]
  mean: number
  std: number
  l2: number
  first16: number[]
  last4: number[]
}
interface Row {
  case: string
  model_overrides: ModelInput
  build_error?: { message: string }
  num_params: number
  state_dict: [string, number[], string][]
  classy_state_top: { model: { trunk: number; heads: number } }
  input_shape?: number[]
  features_eval?: Record<string, Stat[]>
  output_eval?: Stat[]
  output_train?: Stat[]
}

/** Depths that VISSL refuses and this project has. */
const EXTENSIONS = new Set(['resnet34'])

const rows = gunzipSync(readFileSync(new URL('../golden/models/trunks.jsonl.gz', import.meta.url)))
  .toString()
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Row)
  .filter((row) => row.model_overrides.TRUNK.NAME === 'resnet' && !EXTENSIONS.has(row.case))

/** Whether a tensor has the statistics of the golden, to `tolerance` of its largest values. */
function matches(tensor: Tensor, stat: Stat, tolerance: number): string | undefined {
  const values = flat(tensor)
  if (tensor.shape.join() !== stat.shape.join())
    return `shape ${tensor.shape.join()}, not ${stat.shape.join()}`
  const count = values.length
  const mean = values.reduce((sum, v) => sum + v, 0) / count
  const std = Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / count)
  const l2 = Math.sqrt(values.reduce((sum, v) => sum + v * v, 0))
  const scale = Math.max(stat.std, Math.abs(stat.mean))
  const pairs: [string, number, number, number][] = [
    ['mean', mean, stat.mean, scale],
    ['std', std, stat.std, scale],
    ['l2', l2, stat.l2, stat.l2],
    ...stat.first16.map((v, i): [string, number, number, number] => [`first ${i}`, values[i]!, v, scale]),
    ...stat.last4.map((v, i): [string, number, number, number] => [
      `last ${i}`,
      values[count - 4 + i]!,
      v,
      scale,
    ]),
  ]
  const wrong = pairs.find(([, got, expected, unit]) => !(Math.abs(got - expected) <= tolerance * unit))
  return wrong && `${wrong[0]}: ${wrong[1]}, not ${wrong[2]}`
}

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
    t.is(
      model.parameters().reduce((sum, parameter) => sum + parameter.numel, 0),
      row.num_params,
    )
    if (row.input_shape === undefined) return
    hashFill(model)
    noGrad(() =>
      scope(() => {
        const input = hashInput(row.input_shape!)
        model.eval()
        for (const [feature, [stat]] of Object.entries(row.features_eval ?? {})) {
          const [got] = model.trunk.call(input, [feature])
          t.is(matches(got!, stat!, 1e-4), undefined, feature)
        }
        if (row.output_eval)
          t.is(matches(model.call(input)[0]!, row.output_eval[0]!, 1e-4), undefined, 'evaluation')
        model.train()
        if (row.output_train)
          t.is(matches(model.call(input)[0]!, row.output_train[0]!, 2e-3), undefined, 'training')
      }),
    )
  })
}
