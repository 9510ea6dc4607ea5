import test from 'ava'
import {
  float,
  fromBytes,
  Generator,
  int,
  manualSeed,
  noGrad,
  ops,
  scope,
  stats,
  type Tensor,
  TensorFreedError,
  TorchError,
  TorchTypeError,
  TorchValueError,
  tensor,
} from '../../ts/engine/index.ts'

test('tensors convert both ways', (t) => {
  scope(() => {
    t.deepEqual(
      tensor([
        [1, 2],
        [3, 4],
      ]).toArray(),
      [
        [1, 2],
        [3, 4],
      ],
    )
    t.is(tensor(3).item(), 3)
    t.deepEqual(tensor([], { shape: [0, 3] }).shape, [0, 3])
    t.deepEqual(tensor([true, false]).dtype, 'bool')
    t.deepEqual([...(tensor([1n, -(2n ** 62n)]).toTypedArray() as BigInt64Array)], [1n, -(2n ** 62n)])
    t.deepEqual([...(tensor(new Int16Array([1, -2])).toTypedArray() as Int16Array)], [1, -2])
    for (const dtype of ['float16', 'bfloat16', 'float64', 'int32', 'uint8'] as const) {
      const made = tensor([1, 2, 3], { dtype })
      t.is(made.dtype, dtype)
      t.deepEqual(made.toArray(), [1, 2, 3])
    }
    t.deepEqual(fromBytes(new Uint8Array([0, 0, 128, 63]), [1], 'float32').toArray(), [1])
  })
  t.throws(() => tensor([[1], [2, 3]]), { instanceOf: TorchTypeError, message: /ragged/ })
  t.throws(() => tensor(new Float32Array(3), { shape: [2] }), { instanceOf: TorchValueError })
})

test('the generator draws the numbers of PyTorch 2.13', (t) => {
  // torch.manual_seed(0); torch.randn(3); torch.randperm(5); torch.rand(2)
  scope(() => {
    manualSeed(0)
    t.deepEqual(ops.randn([3]).toArray(), [1.5409960746765137, -0.293428897857666, -2.1787893772125244])
    const generator = new Generator(0)
    t.deepEqual(
      ops.randn([3], { generator }).toArray(),
      [1.5409960746765137, -0.293428897857666, -2.1787893772125244],
    )
  })
})

test('overloads, options and defaults bind as in PyTorch', (t) => {
  scope(() => {
    const a = tensor([
      [1, 2, 3],
      [4, 5, 6],
    ])
    t.deepEqual(a.add(1, { alpha: 2 }).toArray(), [
      [3, 4, 5],
      [6, 7, 8],
    ])
    t.deepEqual(a.sum([1], true).toArray(), [[6], [15]])
    t.deepEqual(a.sum({ dim: [0] }).toArray(), [5, 7, 9])
    t.is(a.sum().item(), 21)
    const [values, indices] = a.max(1)
    t.deepEqual(
      [values.toArray(), indices.toArray()],
      [
        [3, 6],
        [2, 2],
      ],
    )
    t.deepEqual(
      a.chunk(2).map((part) => part.shape),
      [
        [1, 3],
        [1, 3],
      ],
    )
    t.deepEqual(ops.cat([a, a], 1).shape, [2, 6])
    t.is(ops.full([2], 1).dtype, 'float32')
    t.is(ops.full([2], int(1)).dtype, 'int64')
    t.is(ops.full([2], float(1), { dtype: 'float64' }).dtype, 'float64')
    t.deepEqual(a.index([null, tensor([0n, 2n])]).toArray(), [
      [1, 3],
      [4, 6],
    ])
    t.is(a.to('float64').dtype, 'float64')
    t.deepEqual(ops.avg_pool2d(ops.ones([1, 1, 4, 4]), 2).shape, [1, 1, 2, 2])
  })
})

test('in-place and out= operators return the tensor they were given', (t) => {
  scope(() => {
    const a = ops.zeros([2])
    t.is(a.add_(1), a)
    t.is(ops.add(a, a, { out: a }), a)
    t.deepEqual(a.toArray(), [2, 2])
  })
})

test('gradients flow, and noGrad stops them', (t) => {
  scope(() => {
    const x = tensor([1, 2, 3], { requiresGrad: true })
    t.is(x.grad, null)
    x.mul(x).sum().backward()
    t.deepEqual(x.grad?.toArray(), [2, 4, 6])
    x.grad = null
    t.is(x.grad, null)
    t.false(noGrad(() => x.mul(2)).requiresGrad)
    t.throws(() => x.mul(2).backward(), { instanceOf: TorchError, message: /backward\(float32\[3\]\)/ })
  })
})

test('wrong calls are typed errors that name the operator and the shapes', (t) => {
  scope(() => {
    const a = ops.ones([2, 3])
    const loose = a as unknown as Record<string, (...args: unknown[]) => unknown>
    t.throws(() => a.add(ops.ones([2])), {
      instanceOf: TorchError,
      message: /^add\(float32\[2, 3\], float32\[2\]\)/,
    })
    t.throws(() => loose.add!('x'), { instanceOf: TorchTypeError, message: /do not fit/ })
    t.throws(() => loose.add!(), { instanceOf: TorchTypeError })
    t.throws(() => loose.relu!(1, 2, 3), { instanceOf: TorchTypeError })
    t.throws(() => loose.view!([1.5, 4]), { instanceOf: TorchTypeError })
    t.throws(() => loose.to!('float33'), { instanceOf: TorchTypeError, message: /float33/ })
    t.throws(() => a.index_select(0, tensor([7n])), { instanceOf: TorchError })
    t.throws(() => ops.zeros([2 ** 50]), { instanceOf: TorchError })
    t.throws(() => ops.conv2d(a, a), { instanceOf: TorchError })
    t.throws(() => (ops as unknown as Record<string, (x: unknown) => unknown>).relu!(null), {
      instanceOf: TorchTypeError,
    })
  })
})

test('scopes free what they made but what they return or keep', (t) => {
  const before = stats().tensors
  let kept: Tensor | undefined
  const result = scope(() => {
    const a = ops.ones([4])
    kept = a.mul(2).keep()
    return { inner: [a.add(1)] }
  })
  t.is(stats().tensors, before + 2)
  t.deepEqual(result.inner[0]!.toArray(), [2, 2, 2, 2])
  result.inner[0]!.free()
  kept!.free()
  t.is(stats().tensors, before)
  t.throws(() => scope(() => Promise.resolve(1)), { message: /synchronous/ })
  let leaked: Tensor | undefined
  t.throws(() =>
    scope(() => {
      leaked = ops.ones([1])
      throw new Error('x')
    }),
  )
  t.true(leaked!.isFreed)
  {
    using inBlock = ops.ones([1])
    t.is(inBlock.item(), 1)
  }
  t.is(stats().tensors, before)
})

test('use after free is an error that names the operator', (t) => {
  const a = ops.ones([1])
  const stale = a.handle
  a.free()
  a.free()
  t.throws(() => a.add(1), { instanceOf: TensorFreedError, message: /^add/ })
  t.throws(() => a.shape, { instanceOf: TensorFreedError })
  const reused = ops.ones([1])
  a.handle = stale
  t.throws(() => a.add(1), { instanceOf: TensorFreedError })
  reused.free()
})

test('memory formats and channels-last', (t) => {
  scope(() => {
    const x = ops.randn([2, 3, 4, 4])
    const y = x.to({ memoryFormat: 'channels_last' })
    t.true(y.isContiguous('channels_last'))
    t.false(y.isContiguous())
    t.deepEqual(y.toArray(), x.toArray())
  })
})

test.after('no tensor is left over', (t) => {
  t.is(stats().tensors, 0)
})
