import { Worker } from 'node:worker_threads'
import test from 'ava'
import {
  autocast,
  computeThreads,
  grad,
  libtorchVersion,
  manualSeed,
  ops,
  rngState,
  scope,
  setRngState,
  stats,
  tensor,
} from '../../ts/engine/index.ts'

test('the random state can be taken and put back', (t) => {
  scope(() => {
    manualSeed(7)
    ops.randn([5])
    const state = rngState()
    const first = ops.randn([5]).toArray()
    setRngState(state)
    t.deepEqual(ops.randn([5]).toArray(), first)
  })
})

test('autocast runs matrix products in the lower precision', (t) => {
  scope(() => {
    const a = ops.ones([2, 2])
    t.is(autocast('cpu', 'bfloat16', () => a.matmul(a)).dtype, 'bfloat16')
    t.is(a.matmul(a).dtype, 'float32')
  })
})

test('grad gives gradients without touching .grad, also of second order', (t) => {
  scope(() => {
    const x = tensor([2], { requiresGrad: true })
    const [first] = grad([x.pow(3)], [x], { createGraph: true })
    t.deepEqual(first!.toArray(), [12])
    t.deepEqual(grad([first!], [x])[0]!.toArray(), [12])
    t.is(x.grad, null)
  })
})

test('threads are set and checked', (t) => {
  const before = computeThreads()
  t.is(computeThreads(1), 1)
  computeThreads(before)
  t.throws(() => computeThreads(0), { message: /no number of threads/ })
  t.is(libtorchVersion(), '2.13.0')
})

test('a worker has tensors of its own, which end with it', async (t) => {
  const worker = new Worker(new URL('./_tensor-worker.ts', import.meta.url), {
    execArgv: ['--import=@oxc-node/core/register'],
  })
  const counts = await new Promise((resolve, reject) => {
    worker.once('message', resolve)
    worker.once('error', reject)
  })
  t.deepEqual(counts, [1, [3]])
  await worker.terminate()
  t.is(stats().tensors, 0)
})

test.after('no tensor is left over', (t) => {
  t.is(stats().tensors, 0)
})
