import { readFileSync } from 'node:fs'
import test from 'ava'
import {
  autocast,
  autocastState,
  type DType,
  noGrad,
  ops,
  Parameter,
  scope,
  slowAutocast,
  stats,
  type Tensor,
  tensor,
  withAutocast,
  withoutAutocast,
} from '../../ts/engine/index.ts'
import { functional } from '../../ts/nn/index.ts'

interface Golden {
  dtypes: Record<string, { off: DType; bfloat16: DType; float16: DType }>
  inputs: { x: number[]; w: number[] }
  product: number[]
}
const golden: Golden = JSON.parse(
  readFileSync(new URL('../golden/engine/autocast.json', import.meta.url), 'utf8'),
)

type Inputs = Record<'x' | 'w' | 'v' | 'image' | 'kernel' | 'half' | 'labels', Tensor>

const operators: Record<string, (inputs: Inputs) => Tensor> = {
  matmul: ({ x, w }) => x.matmul(w),
  mm: ({ x, w }) => x.mm(w),
  addmm: ({ v, x, w }) => v.addmm(x, w),
  bmm: ({ x, w }) => x.unsqueeze(0).bmm(w.unsqueeze(0)),
  linear: ({ x, w, v }) => ops.linear(x, w, v),
  conv2d: ({ image, kernel }) => ops.conv2d(image, kernel),
  batch_norm: ({ image }) => ops.batch_norm(image, null, null, null, null, true, 0.1, 1e-5, false),
  layer_norm: ({ x }) => ops.layer_norm(x, [8]),
  relu: ({ x }) => x.relu(),
  add: ({ x, w }) => x.add(w.narrow(0, 0, 4)),
  'add mixed': ({ half, x }) => half.add(x),
  cat: ({ x }) => ops.cat([x, x]),
  'cat mixed': ({ half, x }) => ops.cat([half, x]),
  'stack mixed': ({ half, x }) => ops.stack([half, x]),
  softmax: ({ half }) => half.softmax(1),
  log_softmax: ({ half }) => half.log_softmax(1),
  exp: ({ half }) => half.exp(),
  norm: ({ half }) => half.norm(2, [1]),
  sum: ({ half }) => half.sum(),
  mse_loss: ({ half }) => ops.mse_loss(half, half),
  cross_entropy_loss: ({ half, labels }) => functional.crossEntropy(half, labels),
  binary_cross_entropy_with_logits: ({ half }) => ops.binary_cross_entropy_with_logits(half, half),
  smooth_l1_loss: ({ half }) => ops.smooth_l1_loss(half, half),
  avg_pool2d: ({ image }) => ops.avg_pool2d(image, [2, 2]),
  adaptive_avg_pool2d: ({ image }) => ops.adaptive_avg_pool2d(image, [1, 1]),
  interpolate: ({ image, half }) => ops.upsample_nearest2d(image.to(half.dtype), [16, 16]),
}

for (const [name, expected] of Object.entries(golden.dtypes)) {
  test(`${name} gives the dtype that PyTorch gives`, (t) => {
    scope(() => {
      const inputs: Inputs = {
        x: ops.ones([4, 8]),
        w: ops.ones([8, 8]),
        v: ops.ones([8]),
        image: ops.randn([2, 3, 8, 8]),
        kernel: ops.ones([4, 3, 3, 3]),
        half: ops.ones([4, 8], { dtype: 'bfloat16' }),
        labels: tensor([0, 1, 2, 3], { dtype: 'int64' }),
      }
      const run = () => operators[name]!(inputs).dtype
      t.is(run(), expected.off)
      for (const dtype of ['bfloat16', 'float16'] as const) {
        inputs.half = inputs.x.to(dtype)
        t.is(autocast('cpu', dtype, run), expected[dtype])
      }
    })
  })
}

test('products are PyTorch’s to the last bit of bfloat16', (t) => {
  scope(() => {
    const x = tensor(Float32Array.from(golden.inputs.x), { shape: [4, 8] })
    const w = tensor(Float32Array.from(golden.inputs.w), { shape: [8, 8] })
    const product = autocast('cpu', 'bfloat16', () => x.matmul(w))
    t.deepEqual(Array.from(product.toTypedArray(), Number), golden.product)
  })
})

test('regions nest, can be left inside, and end when the work throws', (t) => {
  scope(() => {
    const a = ops.ones([2, 2])
    const dtype = () => a.matmul(a).dtype
    const seen: string[] = []
    autocast('cpu', 'bfloat16', () => {
      seen.push(dtype())
      withoutAutocast('cpu', () => {
        seen.push(dtype())
        autocast('cpu', 'float16', () => seen.push(dtype()))
      })
      seen.push(dtype())
      autocast('cpu', 'float16', () => seen.push(dtype()))
      seen.push(dtype())
    })
    t.deepEqual(seen, ['bfloat16', 'float32', 'float16', 'bfloat16', 'float16', 'bfloat16'])
    t.throws(() =>
      autocast('cpu', 'bfloat16', () => {
        throw new Error('stop')
      }),
    )
    t.is(dtype(), 'float32')
    t.deepEqual(autocastState(), { cpu: null, cuda: null })
    const state = autocast('cpu', 'bfloat16', autocastState)
    t.is(withAutocast(state, dtype), 'bfloat16')
    t.throws(() => autocast('cpu', 'float64', dtype), { message: /no lower precision/ })
  })
})

test('a weight that was updated between two regions is cast again', (t) => {
  scope(() => {
    const weight = new Parameter(ops.ones([2, 2]))
    const x = ops.ones([2, 2])
    const product = () => x.matmul(weight).sum().item()
    const step = () => autocast('cpu', 'bfloat16', () => withoutAutocast('cpu', product) + product())
    t.is(step(), 16)
    noGrad(() => weight.mul_(2))
    t.is(step(), 32)
    weight.free()
  })
})

test('a processor without the instructions is told from one with them', (t) => {
  t.regex(slowAutocast('bfloat16', 'processor : 0\nflags\t\t: fpu avx2 avx512f\n')!, /AVX512-BF16 or AMX/)
  t.is(slowAutocast('bfloat16', 'flags\t\t: fpu avx512_bf16 avx2\n'), undefined)
  t.is(slowAutocast('bfloat16', 'flags\t\t: fpu amx_bf16 avx2\n'), undefined)
  t.is(slowAutocast('float16', 'flags\t\t: fpu avx512_fp16\n'), undefined)
  t.regex(slowAutocast('float16', 'flags\t\t: avx512_bf16\n')!, /float16/)
  t.is(slowAutocast('bfloat16', ''), undefined)
})

test.after('no tensor is left over', (t) => {
  t.is(stats().tensors, 0)
})
