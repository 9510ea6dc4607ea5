import test from 'ava'
import {
  autocast,
  isRecomputing,
  manualSeed,
  noGrad,
  ops,
  Parameter,
  recompute,
  scope,
  stats,
  type Tensor,
  tensor,
} from '../../ts/engine/index.ts'
import { distance, flat } from '../nn/numbers.ts'

const weights = () => [1, 2, 3].map((seed) => new Parameter(ops.sin(ops.arange(16).mul(seed)).view([4, 4])))

type Wrap = (segment: (input: Tensor) => Tensor, input: Tensor) => Tensor
const plain: Wrap = (segment, input) => segment(input)

/** Three layers with dropout; the middle result is used twice. */
function network([a, b, c]: Parameter[], input: Tensor, wrap: Wrap): Tensor {
  const first = wrap((x) => ops.dropout(ops.tanh(x.matmul(a!)), 0.5, true), input)
  const second = wrap((x) => ops.dropout(ops.tanh(x.matmul(b!)), 0.5, true), first)
  return ops.tanh(second.matmul(c!)).sum().add(first.square().sum())
}

function gradients(wrap: Wrap, options: { inputGrad?: boolean; low?: boolean } = {}): number[][] {
  return scope(() => {
    manualSeed(5)
    const parameters = weights()
    const input = ops.cos(ops.arange(8)).view([2, 4])
    input.requiresGrad = options.inputGrad ?? false
    const run = () => network(parameters, input, wrap)
    const loss = options.low ? autocast('cpu', 'bfloat16', run) : run()
    loss.backward()
    const after = flat(ops.rand([3]))
    const result = [flat(loss), ...parameters.map(({ grad }) => flat(grad!)), after]
    if (options.inputGrad) result.push(flat(input.grad!))
    for (const parameter of parameters) parameter.free()
    return result
  })
}

for (const options of [{}, { inputGrad: true }, { low: true }]) {
  test(`gradients and random numbers are those of a plain run: ${JSON.stringify(options)}`, (t) => {
    const got = gradients(recompute, options)
    for (const [i, expected] of gradients(plain, options).entries())
      t.true(distance(got[i]!, expected) < 1e-6)
  })
}

test('the graph before a segment gets its gradient too', (t) => {
  scope(() => {
    const x = tensor([1, 2], { requiresGrad: true })
    const squared = x.square()
    recompute((y) => y.mul(3), squared)
      .sum()
      .backward()
    t.deepEqual(flat(x.grad!), [6, 12])
  })
})

test('segments run several times before one backward', (t) => {
  scope(() => {
    const w = new Parameter(tensor([2]))
    const segment = (x: Tensor) => x.mul(w).square()
    const outputs = [1, 2, 3].map((value) => recompute(segment, tensor([value])))
    ops.cat(outputs).sum().backward()
    t.deepEqual(flat(w.grad!), [2 * 2 * (1 + 4 + 9)])
    w.free()
  })
})

test('a kept graph can be passed through again, not recorded', (t) => {
  scope(() => {
    const w = new Parameter(tensor([2]))
    const runs: boolean[] = []
    const loss = recompute(
      (x) => {
        runs.push(isRecomputing())
        return x.mul(w)
      },
      tensor([3]),
    ).sum()
    loss.backward(null, { retainGraph: true })
    loss.backward()
    t.deepEqual(flat(w.grad!), [6])
    t.deepEqual(runs, [false, true, true])
    t.false(isRecomputing())
    const other = recompute((x) => x.mul(w), tensor([3])).sum()
    t.throws(() => other.backward(null, { createGraph: true }), { message: /createGraph/ })
    w.free()
  })
})

test('without recording, or with nothing to train, a segment is a plain call', (t) => {
  scope(() => {
    const w = new Parameter(tensor([2]))
    const frozen = new Parameter(tensor([2]), false)
    t.false(noGrad(() => recompute((x) => x.mul(w), tensor([1]))).requiresGrad)
    t.false(recompute((x) => x.mul(frozen), tensor([1]), { trainable: false }).requiresGrad)
    w.free()
    frozen.free()
  })
})

test('a forward pass without backward leaves nothing behind', (t) => {
  const before = stats().tensors
  const w = new Parameter(tensor([2]))
  scope(() => {
    scope(() => recompute((x) => x.mul(w), tensor([3])).sum())
  })
  t.is(stats().tensors, before + 1)
  scope(() => {
    const loss = scope(() => {
      const y = recompute((x) => x.mul(w), tensor([3]))
      const sum = y.sum()
      y.free()
      return sum
    })
    loss.backward()
    t.deepEqual(flat(w.grad!), [3])
  })
  t.is(stats().tensors, before + 1)
  w.free()
})

test('a segment that fails in backward is reported, and the next run is not disturbed', (t) => {
  scope(() => {
    const w = new Parameter(tensor([2]))
    let runs = 0
    const loss = recompute(
      (x) => {
        if (++runs === 2) throw new Error('second run')
        return x.mul(w)
      },
      tensor([3]),
    ).sum()
    t.throws(() => loss.backward(), { message: 'second run' })
    recompute((x) => x.mul(w), tensor([3]))
      .sum()
      .backward()
    t.deepEqual(flat(w.grad!), [3])
    w.free()
  })
})

test.after('no tensor is left over', (t) => {
  t.is(stats().tensors, 0)
})
