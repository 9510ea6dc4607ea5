import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import test from 'ava'
import { computeThreads, noGrad, scope, stats, type Tensor, tensor } from '../../ts/engine/index.ts'
import {
  BatchNorm1d,
  BatchNorm2d,
  Conv2d,
  GroupNorm,
  Linear,
  Module,
  ModuleList,
  type TensorModule,
} from '../../ts/nn/index.ts'
import { buildOptimizer, type OptimizerConfig, optimizers } from '../../ts/optim/index.ts'
import { flat } from '../nn/numbers.ts'

computeThreads(1)

interface Golden {
  lr: number
  head_lr: number
  rows: { case: string; rule: string; config: OptimizerConfig; after: Record<string, number[]> }[]
}
const golden: Golden = JSON.parse(
  gunzipSync(readFileSync(new URL('../golden/optim/rules.json.gz', import.meta.url))).toString(),
)

class Toy extends Module {
  readonly trunk = new ModuleList<TensorModule>([
    new Conv2d(2, 3, 2),
    new BatchNorm2d(3),
    new Linear(6, 4),
    new GroupNorm(1, 4),
  ])
  readonly heads = new ModuleList<TensorModule>([new Linear(4, 3), new BatchNorm1d(3)])
  override forward(x: Tensor): Tensor {
    return x
  }
}

function values(shape: readonly number[], seed: number): Tensor {
  const count = shape.reduce((product, size) => product * size, 1)
  const step = Math.fround(0.37)
  const data = Float32Array.from({ length: count }, (_, i) =>
    Math.sin(Math.fround(Math.fround(i * step) + seed)),
  )
  return tensor(data, { shape })
}

function run(config: OptimizerConfig, different: boolean): Map<string, number[]> {
  return scope(() => {
    using model = new Toy()
    const named = [...model.namedParameters()]
    for (const [i, [, parameter]] of named.entries())
      noGrad(() => parameter.copy_(values(parameter.shape, 1 + i)))
    const optimizer = buildOptimizer(config, model)
    for (const group of optimizer.groups) {
      group.lr = different && group.schedule === 'lr_head' ? golden.head_lr : golden.lr
    }
    for (let step = 0; step < 20; step++) {
      scope(() => {
        for (const [i, [, parameter]] of named.entries())
          parameter.grad = values(parameter.shape, Math.fround(2 * i + 0.3 * step))
        optimizer.step()
      })
    }
    optimizer.free()
    return new Map(named.map(([name, parameter]) => [name, flat(parameter)]))
  })
}

/** By more than 1e-6 of the largest value, or of 1, the size at which parameters begin. */
const far = (got: number[], expected: number[]): boolean => {
  const size = Math.max(1, ...expected.map(Math.abs))
  return got.some((value, i) => !(Math.abs(value - expected[i]!) < 1e-6 * size))
}

for (const { case: name, rule, config, after } of golden.rows) {
  test(`${name}, ${rule}: 20 steps, fused and plain`, (t) => {
    const different = rule === 'heads'
    const fused = run(config, different)
    for (const [parameter, got] of fused) t.false(far(got, after[parameter]!), parameter)
    if (!('fused' in (optimizers.get(config.name).params as unknown as { shape: object }).shape)) return
    for (const [parameter, got] of run({ ...config, fused: false }, different)) {
      t.false(far(got, after[parameter]!), `plain, ${parameter}`)
    }
  })
}

test.after('no tensor is left over', (t) => {
  t.is(stats().tensors, 0)
})
