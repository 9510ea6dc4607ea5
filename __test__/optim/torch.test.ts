import { readFileSync } from 'node:fs'
import test from 'ava'
import { noGrad, ops, Parameter, scope, stats, type Tensor, tensor } from '../../ts/engine/index.ts'
import { VisslError } from '../../ts/errors.ts'
import {
  Adam,
  AdamW,
  type Optimizer,
  type OptimizerState,
  type ParamGroupInput,
  RmsProp,
  Sgd,
} from '../../ts/optim/index.ts'
import { distance, flat } from '../nn/numbers.ts'

interface Row {
  steps: [number[], number[]][]
  state: Record<string, Record<string, number | number[]>>
}
const golden: Record<string, Row> = JSON.parse(
  readFileSync(new URL('../golden/optim/torch.json', import.meta.url), 'utf8'),
)

const make: Record<string, (groups: ParamGroupInput[]) => Optimizer> = {
  sgd: (groups) => new Sgd(groups, { lr: 0.1, momentum: 0.9, weight_decay: 0.01 }),
  sgdPlain: (groups) => new Sgd(groups, { lr: 0.1, momentum: 0, weight_decay: 0.01 }),
  sgdNesterov: (groups) => new Sgd(groups, { lr: 0.1, momentum: 0.8, weight_decay: 0, nesterov: true }),
  adam: (groups) => new Adam(groups, { lr: 0.1, weight_decay: 0.01 }),
  adamAmsgrad: (groups) => new Adam(groups, { lr: 0.1, betas: [0.8, 0.9], amsgrad: true, weight_decay: 0 }),
  adamw: (groups) => new AdamW(groups, { lr: 0.1, weight_decay: 0.05 }),
  rmspropCentered: (groups) =>
    new RmsProp(groups, { lr: 0.01, momentum: 0, centered: true, weight_decay: 0 }),
}

function values(shape: readonly number[], seed: number): Tensor {
  const count = shape.reduce((product, size) => product * size, 1)
  const step = Math.fround(0.37)
  return tensor(
    Float32Array.from({ length: count }, (_, i) => Math.sin(Math.fround(Math.fround(i * step) + seed))),
    {
      shape,
    },
  )
}

const A = [3, 2, 2, 2]
const B = [5]

function parameters(channelsLast: boolean): [Parameter, Parameter] {
  const a = values(A, 1)
  return [
    new Parameter(channelsLast ? a.to({ memoryFormat: 'channels_last' }) : a),
    new Parameter(values(B, 2)),
  ]
}

function step(optimizer: Optimizer, [a, b]: readonly [Parameter, Parameter], index: number): void {
  scope(() => {
    a.grad = values(A, 3 + index)
    b.grad = index >= 2 ? values(B, 4 + index) : null
    optimizer.step()
  })
}

for (const [name, row] of Object.entries(golden)) {
  for (const channelsLast of [false, true]) {
    test(`${name} equals PyTorch's${channelsLast ? ' in channels-last' : ''}`, (t) => {
      const before = stats().tensors
      scope(() => {
        const pair = parameters(channelsLast)
        let optimizer = make[name]!([{ params: pair }])
        for (const [i, [a, b]] of row.steps.entries()) {
          step(optimizer, pair, i)
          t.true(distance(flat(pair[0]), a) < 5e-6, `step ${i}`)
          t.true(distance(flat(pair[1]), b) < 5e-6, `step ${i}`)
          if (i !== 3) continue
          // Halfway the work goes on with a new optimizer that was given the state.
          const next = make[name]!([{ params: pair }])
          next.loadStateDict(optimizer.stateDict())
          optimizer.free()
          optimizer = next
        }
        const { state } = optimizer.stateDict()
        for (const [i, own] of Object.entries(row.state)) {
          for (const [key, expected] of Object.entries(own)) {
            const got = state[Number(i)]![key]
            const numbers = typeof got === 'number' ? [got] : flat(got!)
            t.true(distance(numbers, [expected].flat()) < 5e-6, `${i} ${key}`)
          }
        }
        optimizer.zeroGrad()
        t.is(pair[0].grad, null)
        optimizer.free()
        for (const parameter of pair) parameter.free()
      })
      t.is(stats().tensors, before)
    })
  }
}

test('a change of memory format between steps changes nothing', (t) => {
  scope(() => {
    const row = golden.sgd!
    const pair = parameters(false)
    const optimizer = make.sgd!([{ params: pair }])
    for (const [i, [a]] of row.steps.entries()) {
      if (i === 3) noGrad(() => pair[0].set_data(pair[0].contiguous({ memory_format: 'channels_last' })))
      step(optimizer, pair, i)
      t.true(distance(flat(pair[0]), a) < 2e-6)
    }
    optimizer.free()
  })
})

test('what fused updates would trip over is refused', (t) => {
  scope(() => {
    const parameter = new Parameter(ops.zeros([2, 3]))
    const optimizer = new Sgd([{ params: [parameter] }], { lr: 0.1 })
    const strided = new Parameter(ops.zeros([3, 2]).t())
    strided.grad = ops.zeros([2, 3])
    t.throws(() => new Sgd([{ params: [strided] }]).step(), {
      instanceOf: VisslError,
      message: /not contiguous/,
    })
    t.throws(() => new Sgd([{ params: [parameter] }, { params: [parameter] }]), { instanceOf: VisslError })
    t.throws(() => new Sgd([{ params: [parameter] }], { momentum: 0, nesterov: true }), {
      instanceOf: VisslError,
    })
    const bad: OptimizerState = {
      state: { 0: { momentum_buffer: ops.zeros([3, 2]) } },
      param_groups: [{ params: [0], lr: 7 }],
    }
    t.throws(() => optimizer.loadStateDict(bad), { instanceOf: VisslError, message: /\[3, 2\]/ })
    t.is(optimizer.groups[0]!.lr, 0.1)
    t.throws(() => optimizer.loadStateDict({ state: {}, param_groups: [] }), { instanceOf: VisslError })
    optimizer.free()
  })
})
