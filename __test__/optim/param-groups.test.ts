import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import test from 'ava'
import type { Tensor } from '../../ts/engine/index.ts'
import { VisslError } from '../../ts/errors.ts'
import { type ModelInput, SslModel } from '../../ts/models/index.ts'
import { BatchNorm1d, GroupNorm, Linear, Module, Sequential } from '../../ts/nn/index.ts'
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

class Toy extends Module {
  readonly body = new Sequential([new Linear(2, 2), new BatchNorm1d(2), new GroupNorm(1, 2)])
  readonly head = new Sequential([new Linear(2, 2)])
  override forward(x: Tensor): Tensor {
    return x
  }
}

function namesOf(model: Module, params: Parameters<typeof paramGroups>[1]): [string[], number][] {
  const names = new Map(Array.from(model.namedParameters(), ([name, parameter]) => [parameter, name]))
  return paramGroups(model, params).map((group) => [
    group.params.map((parameter) => names.get(parameter)!),
    group.weightDecay!,
  ])
}

test('parameters can be kept from decay by a part of their names', (t) => {
  using model = new Toy()
  t.deepEqual(namesOf(model, { weight_decay: 0.1, non_regularized_parameters: ['0.bias', '2.weight'] }), [
    [['body.0.weight'], 0.1],
    [['body.1.weight', 'body.1.bias', 'body.0.bias'], 0],
    [['head.0.weight'], 0.1],
    [['head.0.bias'], 0],
    [['body.2.bias'], 0.1],
    [['body.2.weight'], 0],
  ])
})

test('biases of the trunk follow a key of their own', (t) => {
  using model = new Toy()
  const groups = namesOf(model, { weight_decay: 0.1, regularize_trunk_bias: false })
  t.deepEqual(groups[1], [['body.0.bias', 'body.1.weight', 'body.1.bias'], 0])
})

test('one group of all parameters, where nothing asks for several', (t) => {
  using model = new Toy()
  model.body.requiresGrad_(false)
  const single = { weight_decay: 0.1, construct_single_param_group_only: true }
  t.deepEqual(namesOf(model, single), [[['head.0.weight', 'head.0.bias'], 0.1]])
  t.throws(() => paramGroups(model, { ...single, head_optimizer_params: { use_different_lr: true } }), {
    instanceOf: VisslError,
    message: /use_different_lr/,
  })
})
