import { readFileSync } from 'node:fs'
import test from 'ava'
import { noGrad, scope, type Tensor } from '../../ts/engine/index.ts'
import { BatchNorm1d, Linear, Module, ModuleList, type TensorModule } from '../../ts/nn/index.ts'
import {
  buildOptimizer,
  buildScheduler,
  LearningRates,
  type OptimizerConfig,
  type ScheduleParams,
} from '../../ts/optim/index.ts'
import { load, readNpz } from '../nn/npz.ts'
import { distance, flat } from '../nn/numbers.ts'

interface Row {
  case: string
  OPTIMIZER_overrides: Partial<OptimizerConfig> & {
    param_schedulers: { lr: ScheduleParams; lr_head: ScheduleParams }
  }
  param_groups: { params: string[]; lr: number; weight_decay: number }[]
  lr_per_step: number[][]
  state_keys: Record<string, string[]>
}
const rows: Row[] = JSON.parse(readFileSync(new URL('../golden/optim/steps.json', import.meta.url), 'utf8'))
const arrays = readNpz('optim/steps.npz')

class Toy extends Module {
  readonly trunk = new ModuleList<TensorModule>([new Linear(4, 5), new BatchNorm1d(5)])
  readonly heads = new ModuleList<TensorModule>([new Linear(5, 3)])
  override forward(x: Tensor): Tensor {
    return x
  }
}

/** Defaults of the configuration that the goldens were made with. */
const DEFAULTS = {
  name: 'sgd',
  weight_decay: 1e-4,
  momentum: 0.9,
  nesterov: false,
  regularize_bn: false,
  regularize_bias: true,
  head_optimizer_params: { weight_decay: 1e-4 },
}

for (const row of rows) {
  test(row.case, (t) => {
    using model = new Toy()
    const named = new Map(model.namedParameters())
    const nameOf = (parameter: unknown) => Array.from(named).find(([, own]) => own === parameter)![0]
    const config = { ...DEFAULTS, ...row.OPTIMIZER_overrides } as OptimizerConfig
    const optimizer = buildOptimizer(config, model)
    const { lr, lr_head } = row.OPTIMIZER_overrides.param_schedulers
    const epochs = 5
    const rates = new LearningRates(optimizer.groups, {
      lr: buildScheduler(lr, epochs),
      lr_head: buildScheduler(lr_head, epochs),
    })
    t.deepEqual(
      optimizer.groups.map((group) => [group.params.map(nameOf), group.lr, group.weightDecay]),
      row.param_groups.map((group) => [group.params, group.lr, group.weight_decay]),
    )
    scope(() => {
      for (const [name, parameter] of named) {
        noGrad(() => parameter.copy_(load(arrays, `${row.case}/init/${name}`)))
      }
      const steps = row.lr_per_step.length
      for (let step = 0; step < steps; step++) {
        for (const [name, parameter] of named)
          parameter.grad = load(arrays, `${row.case}/grad${step}/${name}`)
        for (const [g, group] of optimizer.groups.entries()) group.lr = row.lr_per_step[step]![g]!
        optimizer.step()
        for (const [name, parameter] of named) {
          const expected = arrays.get(`${row.case}/after${step}/${name}`)!.data
          t.true(distance(flat(parameter), expected) < 2e-6, `step ${step}, ${name}`)
        }
      }
    })
    rates.beforeStep(0)
    t.deepEqual(
      Object.fromEntries(
        Object.entries(optimizer.stateDict().state).map(([i, own]) => [i, Object.keys(own).sort()]),
      ),
      Object.fromEntries(Object.entries(row.state_keys).map(([i, keys]) => [i, [...keys].sort()])),
    )
    optimizer.free()
  })
}
