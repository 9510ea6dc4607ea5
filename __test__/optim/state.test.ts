import test from 'ava'
import { z } from 'zod'
import { optimizerParams } from '../../ts/config/schema/optimizers.ts'
import { computeThreads, ops, Parameter, scope, stats, type Tensor, tensor } from '../../ts/engine/index.ts'
import { ExitCode, VisslError } from '../../ts/errors.ts'
import { Linear } from '../../ts/nn/index.ts'
import {
  type AnyOptimizer,
  buildOptimizer,
  Larc,
  Optimizer,
  type OptimizerState,
  optimizers,
  type ParamGroup,
  type ParamGroupInput,
  RmsPropTf,
  Sgd,
} from '../../ts/optim/index.ts'
import { flat } from '../nn/numbers.ts'

computeThreads(1)

const configs = [
  ...optimizers.names().map((name) => ({ name })),
  { name: 'adam', amsgrad: true },
  { name: 'rmsprop', centered: true },
  { name: 'sgd', use_larc: true, larc_config: { clip: true } },
  { name: 'zero', base_optimizer: { name: 'adamw', betas: [0.8, 0.9] } },
]

/** Some steps on gradients that depend on the step alone. */
function steps(optimizer: AnyOptimizer, from: number, to: number): void {
  for (let step = from; step < to; step++) {
    scope(() => {
      for (const { params } of optimizer.groups) {
        for (const param of params) param.grad = ops.sin(ops.arange(param.numel).add(step)).view(param.shape)
      }
      optimizer.step()
    })
  }
}

/** A copy, as a file would hold it. */
const copied = ({ state, param_groups }: OptimizerState): OptimizerState => ({
  state: Object.fromEntries(
    Object.entries(state).map(([i, own]) => [
      i,
      Object.fromEntries(
        Object.entries(own).map(([key, value]) => [key, typeof value === 'number' ? value : value.clone()]),
      ),
    ]),
  ),
  param_groups: structuredClone(param_groups),
})

for (const config of configs) {
  test(`a restored optimizer goes on as the first: ${JSON.stringify(config)}`, (t) => {
    scope(() => {
      using model = new Linear(3, 2)
      const first = buildOptimizer(config, model)
      steps(first, 0, 3)
      const state = copied(first.stateDict())
      const before = model.parameters().map((param) => param.detach().clone())
      steps(first, 3, 6)
      const expected = model.parameters().flatMap(flat)
      for (const [i, param] of model.parameters().entries()) param.detach().copy_(before[i]!)
      const second = buildOptimizer({ ...config, weight_decay: 0.5 }, model)
      second.loadStateDict(state)
      steps(second, 3, 6)
      t.deepEqual(model.parameters().flatMap(flat), expected)
      first.free()
      second.free()
    })
  })
}

test('every optimizer has its parameters in the schema, and every schema an optimizer', (t) => {
  t.deepEqual(optimizers.names().sort(), Object.keys(optimizerParams).sort())
  for (const [name, params] of Object.entries(optimizerParams)) t.is(optimizers.get(name).params, params)
})

test('the state of another optimizer, or of another shape, is refused', (t) => {
  scope(() => {
    using model = new Linear(3, 2)
    const adam = buildOptimizer({ name: 'adam' }, model)
    const sgd = buildOptimizer({ name: 'sgd' }, model)
    steps(adam, 0, 1)
    t.throws(() => sgd.loadStateDict(adam.stateDict()), {
      instanceOf: VisslError,
      message: /"step", which Sgd does not have/,
    })
    const groups = sgd.stateDict().param_groups
    const load = (momentum_buffer: Tensor | null) =>
      sgd.loadStateDict({
        state: { 0: { momentum_buffer: momentum_buffer as Tensor } },
        param_groups: groups,
      })
    t.throws(() => load(ops.zeros([3, 2])), { message: /shape \[3, 2\]/ })
    t.notThrows(() => load(null))
    adam.free()
    sgd.free()
  })
})

test('PyTorch’s steps, which are tensors, are read', (t) => {
  scope(() => {
    using model = new Linear(1, 1)
    const adam = buildOptimizer({ name: 'adam' }, model)
    const { param_groups } = adam.stateDict()
    const own = { step: tensor(7), exp_avg: ops.ones([1, 1]), exp_avg_sq: ops.ones([1, 1]) }
    adam.loadStateDict({ state: { 0: own }, param_groups })
    const { step, exp_avg } = adam.stateDict().state[0]!
    t.is(step, 7)
    t.deepEqual(flat(exp_avg as Tensor), [1])
    adam.free()
  })
})

test('settings that do not go together are refused with what to change', (t) => {
  scope(() => {
    using model = new Linear(1, 1)
    const bad: [Parameters<typeof buildOptimizer>[0], RegExp][] = [
      [{ name: 'adamm' }, /did you mean adam/],
      [{ name: 'adam', use_larc: true }, /use_larc works with sgd/],
      [{ name: 'sgd', momentum: 1 }, /momentum/],
      [{ name: 'sgd', momentum: 0, nesterov: true }, /nesterov/],
      [{ name: 'adam', betas: [0.9] }, /betas/],
      [{ name: 'zero' }, /base_optimizer/],
      [{ name: 'zero', base_optimizer: { name: 'zero' } }, /base_optimizer/],
      [{ name: 'zero', base_optimizer: { name: 'sdg' } }, /did you mean sgd/],
      [{ name: 'sgd', weight_decay: -1 }, /weight_decay/],
    ]
    for (const [config, message] of bad) {
      const error = t.throws(() => buildOptimizer(config, model), { instanceOf: VisslError, message })
      t.is(error.exitCode, ExitCode.usage)
    }
  })
})

test('eps before the root leaves the mean of squares as it is', (t) => {
  scope(() => {
    const param = new Parameter(ops.zeros([1]))
    const optimizer = new RmsPropTf([{ params: [param] }], {
      lr: 1,
      momentum: 0,
      alpha: 0.5,
      eps: 1,
      weight_decay: 0,
    })
    const expected = [0]
    let square = 0
    for (let step = 1; step < 4; step++) {
      param.grad = tensor([2])
      optimizer.step()
      square = 0.5 * square + 0.5 * 4
      expected[0]! -= 2 / Math.sqrt(square + 1)
      t.true(Math.abs(flat(param)[0]! - expected[0]!) < 1e-6)
    }
    optimizer.free()
    param.free()
  })
})

class SignSgd extends Optimizer {
  static readonly key = 'sign_sgd'
  static readonly params = z.object({ lr: z.number().default(0.01), weight_decay: z.number().default(0) })
  protected override readonly stateNames = []
  constructor(groups: readonly ParamGroupInput[], params: z.output<typeof SignSgd.params>) {
    super(groups, params)
  }
  protected override update(
    { lr }: ParamGroup,
    params: readonly Parameter[],
    grads: readonly Tensor[],
  ): void {
    for (const [i, param] of params.entries()) param.add_(grads[i]!.sign(), { alpha: -lr })
  }
  protected override settings({ lr }: ParamGroup): Record<string, unknown> {
    return { lr }
  }
}

test('an optimizer of one’s own is registered and built by name', (t) => {
  optimizers.register(SignSgd.key, SignSgd)
  scope(() => {
    using model = new Linear(2, 1)
    const before = model.parameters().flatMap(flat)
    const optimizer = buildOptimizer({ name: 'sign_sgd', lr: 0.5 }, model)
    for (const param of model.parameters()) param.grad = ops.full(param.shape, -3)
    optimizer.step()
    for (const [i, value] of model.parameters().flatMap(flat).entries())
      t.true(Math.abs(value - before[i]! - 0.5) < 1e-6)
    t.throws(() => buildOptimizer({ name: 'sign_sgd', lr: 'fast' }, model), { message: /lr/ })
  })
})

test('LARC leaves weight decays as they were, also when a step fails', (t) => {
  scope(() => {
    const param = new Parameter(ops.ones([2]))
    const inner = new Sgd([{ params: [param] }], { lr: 1, weight_decay: 0.3 })
    const larc = new Larc(inner)
    param.grad = ops.ones([2])
    larc.step()
    t.is(larc.groups[0]!.weightDecay, 0.3)
    param.free()
    t.throws(() => larc.step())
    t.is(larc.groups[0]!.weightDecay, 0.3)
    larc.free()
  })
})

test.after('no tensor is left over', (t) => {
  t.is(stats().tensors, 0)
})
