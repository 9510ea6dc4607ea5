import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import test from 'ava'
import { type ModelInput, SslModel } from '../../ts/models/index.ts'
import { GroupNorm, Linear, Sequential } from '../../ts/nn/index.ts'
import { paramGroups } from '../../ts/optim/index.ts'

interface Row {
  case: string
  MODEL_overrides: ModelInput
  OPTIMIZER_overrides: { head_optimizer_params?: object }
  groups: { params: string[]; lr: string; weight_decay?: number }[]
}
const rows = gunzipSync(readFileSync(new URL('../golden/optim/param_groups.jsonl.gz', import.meta.url)))
  .toString()
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Row)
  .filter((row) => row.case.startsWith('resnet'))

for (const row of rows) {
  test(row.case, (t) => {
    using model = new SslModel(row.MODEL_overrides)
    if (row.case === 'resnet50_frozen_all') model.requiresGrad_(false)
    const names = new Map(Array.from(model.namedParameters(), ([name, parameter]) => [parameter, name]))
    const groups = paramGroups(model, {
      weight_decay: 1e-4,
      ...row.OPTIMIZER_overrides,
      head_optimizer_params: { weight_decay: 1e-4, ...row.OPTIMIZER_overrides.head_optimizer_params },
    })
    t.deepEqual(
      groups.map((group) => ({
        params: group.params.map((parameter) => names.get(parameter)),
        lr: group.schedule === 'lr_head' ? 'LR_HEAD' : 'LR',
        weight_decay: group.weightDecay,
      })),
      row.groups.map(({ params, lr, weight_decay }) => ({ params, lr, weight_decay })),
    )
  })
}

test('other modules form a fifth group that is decayed', (t) => {
  using model = new Sequential([new Linear(4, 4), new GroupNorm(1, 4)])
  const groups = paramGroups(model, { weight_decay: 0.1 })
  t.deepEqual(
    groups.map((group) => [group.params.length, group.weightDecay]),
    [
      [2, 0.1],
      [0, 0],
      [0, 0.1],
      [0, 0],
      [2, 0.1],
    ],
  )
})
