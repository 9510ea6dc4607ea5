import test from 'ava'
import { manualSeed, noGrad, ops, scope, type Tensor, tensor } from '../../ts/engine/index.ts'
import { VisslError } from '../../ts/errors.ts'
import { AliasSampler } from '../../ts/losses/alias-sampler.ts'
import { buildLoss, type NceLossWithMemory } from '../../ts/losses/index.ts'
import { updateMemory } from '../../ts/losses/memory-bank.ts'
import { functional } from '../../ts/nn/index.ts'
import { load } from '../nn/npz.ts'
import { distance, flat } from '../nn/numbers.ts'
import { close, goldenOf, gradientError, inputsOf, lossOf } from './_golden.ts'

const key = 'nce_loss_with_memory'
const golden = goldenOf(key)
const { arrays } = golden

/** Has the loss compare with given rows, call by call. */
function scripted(loss: NceLossWithMemory, draws: readonly Tensor[]): void {
  let call = 0
  loss.nce_average.draw = () => draws[call++]!
}

for (const [name, row] of golden.rows) {
  test(name, (t) => {
    if (row.error && row.state_dict === undefined && !arrays.has(`${name}/memory_init`)) {
      t.throws(() => lossOf(row.config), { instanceOf: VisslError })
      return
    }
    using loss = lossOf<NceLossWithMemory>(row.config)
    scope(() => {
      noGrad(() => loss.nce_average.memory.copy_(load(arrays, `${name}/memory_init`)))
      t.deepEqual(flat(loss.nce_average.params), Array.from(arrays.get(`${name}/params_init`)!.data, Number))
      const target = load(arrays, `${name}/target`)
      const draws: Tensor[] = []
      for (let i = 0; arrays.has(`${name}/idx_draw${i}`); i++) {
        draws.push(
          load(arrays, `${name}/idx_draw${i}`).narrow(
            1,
            1,
            arrays.get(`${name}/idx_draw${i}`)!.shape[1]! - 1,
          ),
        )
      }
      const run = () => {
        const inputs = inputsOf(golden, name)
        return { inputs, value: loss.call(inputs.length === 1 ? inputs[0]! : inputs, target) }
      }
      if (row.error) {
        if (name === 'degenerate_single_row')
          t.true(Number.isFinite(run().value.item()), 'ours takes one image')
        else t.throws(run, { instanceOf: VisslError, message: /the memory has 20 rows/ })
        return
      }
      scripted(loss, draws)
      t.deepEqual(
        Object.fromEntries(Object.entries(loss.stateDict()).map(([name, value]) => [name, value.shape])),
        row.state_dict,
      )
      const values = [...(row.losses_earlier_steps ?? []), Number(row.loss)]
      for (const [step, expected] of values.entries()) {
        const { inputs, value } = run()
        t.true(close(value.item(), expected, 3e-6), `step ${step}: ${value.item()} for ${expected}`)
        const memory = Array.from(arrays.get(`${name}/memory_after_step${step}`)!.data, Number)
        t.true(distance(flat(loss.nce_average.memory), memory) < 1e-6)
        if (step < values.length - 1 || Number.isNaN(expected)) continue
        value.backward()
        for (const [i, input] of inputs.entries()) {
          t.true(distance(flat(input.grad!), arrays.get(`${name}/grad_input${i}`)!.data) < 1e-5)
        }
      }
      const after = Array.from(arrays.get(`${name}/params_after`)!.data, Number)
      t.true(flat(loss.nce_average.params).every((v, i) => v === after[i] || close(v / after[i]!, 1, 1e-6)))
    })
  })
}

const build = (params: object) =>
  buildLoss({
    name: key,
    [key]: {
      num_train_samples: 9,
      negative_sampling_params: { num_negatives: 5 },
      memory_params: { embedding_dim: 4 },
      temperature: 0.5,
      ...params,
    },
  }) as NceLossWithMemory

test('NCE equals its definition term by term, the gradient finite differences', (t) => {
  manualSeed(1)
  for (const loss_type of ['nce', 'cross_entropy']) {
    using loss = build({ loss_type, norm_constant: 7 })
    loss.to({ dtype: 'float64' })
    scope(() => {
      const input = ops.randn([2, 4], { dtype: 'float64' })
      const target = tensor([3, 8], { dtype: 'int64' })
      const draws = ops.randint(0, 9, [2, 5], { dtype: 'int64' })
      loss.nce_average.draw = () => draws
      const unit = functional.normalize(input).toArray() as number[][]
      const memory = loss.nce_average.memory.toArray() as number[][]
      const rows = draws.toArray() as number[][]
      let expected = 0
      for (const [b, v] of unit.entries()) {
        const s = [flat(target)[b]!, ...rows[b]!].map((row) =>
          Math.exp(v.reduce((sum, x, d) => sum + x * memory[row]![d]!, 0) / 0.5),
        )
        if (loss_type === 'cross_entropy') {
          expected -= Math.log(s[0]! / s.reduce((sum, x) => sum + x, 0)) / 2
          continue
        }
        const noise = 5 / 9
        const o = s.map((x) => x / 7)
        expected -= Math.log(o[0]! / (o[0]! + noise + 2 ** -23)) / 2
        for (const x of o.slice(1)) expected -= Math.log(noise / (x + noise + 2 ** -23)) / 2
      }
      t.true(close(noGrad(() => loss.call(input, target)).item(), expected, 1e-9), loss_type)
      const before = loss.nce_average.memory.clone()
      const error = gradientError(
        (x) => {
          noGrad(() => loss.nce_average.memory.copy_(before))
          return loss.call(x, target)
        },
        [input],
      )
      t.true(error < 1e-7, loss_type)
    })
  }
})

test('left-out targets count nowhere', (t) => {
  manualSeed(2)
  using loss = build({ norm_constant: 7 })
  scope(() => {
    const input = ops.randn([3, 4])
    const draws = ops.randint(0, 9, [3, 5], { dtype: 'int64' })
    const call = (rows: number[], targets: number[]) => {
      const index = tensor(rows, { dtype: 'int64' })
      loss.nce_average.draw = () => draws.index_select(0, tensor([0, 2], { dtype: 'int64' }))
      return noGrad(() => loss.call(input.index_select(0, index), tensor(targets, { dtype: 'int64' }))).item()
    }
    t.is(call([0, 1, 2], [4, -1, 5]), call([0, 2], [4, 5]))
  })
})

test('memory rows move towards embeddings; of two the last counts', (t) => {
  scope(() => {
    const memory = tensor([
      [1, 0],
      [0, 1],
    ])
    const rows = tensor([1, 1], { dtype: 'int64' })
    updateMemory(
      memory,
      rows,
      tensor([
        [1, 0],
        [0, -3],
      ]),
      0.25,
    )
    t.deepEqual(memory.toArray(), [
      [1, 0],
      [0, -1],
    ])
  })
})

test('the alias table holds exactly the weights, and draws stay in range', (t) => {
  manualSeed(3)
  const weights = [0.5, 0, 3, 1, 1.5]
  using sampler = new AliasSampler(weights)
  using even = new AliasSampler(4)
  scope(() => {
    const prob = flat(sampler.prob)
    const alias = flat(sampler.alias)
    const mass = new Array(5).fill(0)
    for (const [i, p] of prob.entries()) {
      mass[i] += p / 5
      mass[alias[i]!] += (1 - p) / 5
    }
    for (const [i, weight] of weights.entries()) t.true(close(mass[i], weight / 6, 1e-6))
    const counts = flat(ops.bincount(sampler.call([20000]), null, 5))
    t.is(counts[1], 0)
    for (const [i, weight] of weights.entries()) t.true(Math.abs(counts[i]! / 20000 - weight / 6) < 0.02)
    const cells = even.call([50, 2])
    t.deepEqual(cells.shape, [50, 2])
    t.true(cells.min().item() >= 0 && cells.max().item() <= 3)
  })
  t.throws(() => new AliasSampler([0, 0]))
  t.throws(() => new AliasSampler([1, -1]))
})

test('what does not fit is named', (t) => {
  t.throws(() => build({ num_train_samples: 0 }), { message: /num_train_samples is 0/ })
  t.throws(() => build({ num_train_samples: 1e12 }), { message: /GiB, and this machine has/ })
  t.throws(() => build({ loss_type: 'softmax' }), { instanceOf: VisslError })
  using loss = build({})
  scope(() => {
    const target = tensor([0, 1], { dtype: 'int64' })
    t.throws(() => loss.call([ops.ones([2, 4]), ops.ones([2, 4])], target), { message: /gave 2 embeddings/ })
    t.throws(() => loss.call(ops.ones([3, 4]), target), { message: /3 embeddings and 2 indices/ })
    t.throws(() => loss.call(ops.ones([2, 3]), target), { message: /embedding_dim is 4/ })
    t.throws(() => loss.call(ops.ones([2, 4])), { message: /needs labels/ })
  })
  const config = { name: key, [key]: { num_train_samples: -1, memory_params: { embedding_dim: 2 } } }
  const context = { batchSize: 2, worldSize: 1, samples: 7, crops: 1, dropLast: false, labels: false }
  using counted = buildLoss(config, context) as NceLossWithMemory
  t.deepEqual(counted.nce_average.memory.shape, [7, 2])
})
