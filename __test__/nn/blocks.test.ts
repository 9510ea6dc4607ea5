import test from 'ava'
import { computeThreads, manualSeed, ops, scope, stats } from '../../ts/engine/index.ts'
import { VisslError } from '../../ts/errors.ts'
import {
  BatchNorm2d,
  Conv2d,
  DropPath,
  LayerNorm,
  Linear,
  newTensor,
  onDevice,
  SameConv2d,
  SelfAttention,
  shapesOnly,
} from '../../ts/nn/index.ts'
import { distance, flat } from '../nn/numbers.ts'

// Other test files run beside this one.
computeThreads(1)

test('DropPath keeps the mean, drops whole images, and does nothing in evaluation', (t) => {
  const layer = new DropPath(0.25)
  manualSeed(0)
  scope(() => {
    const x = ops.ones([4000, 2, 3])
    const output = flat(layer.call(x))
    t.true(Math.abs(output.reduce((sum, value) => sum + value, 0) / output.length - 1) < 0.05)
    for (let i = 0; i < output.length; i += 6) {
      const image = output.slice(i, i + 6)
      t.true(image.every((value) => value === image[0]))
      t.true(image[0] === 0 || Math.abs(image[0]! - 1 / 0.75) < 1e-6)
    }
    t.is(layer.eval().call(x), x)
    t.is(new DropPath(0).call(x), x)
  })
  t.throws(() => new DropPath(1), { instanceOf: RangeError })
})

test('SameConv2d: output of ⌈size/stride⌉, the extra zero after the image', (t) => {
  for (const [size, kernel, stride] of [
    [224, 3, 2],
    [7, 5, 2],
    [8, 5, 1],
    [9, 3, 3],
    [5, 1, 2],
  ] as const) {
    using layer = new SameConv2d(1, 1, kernel, size, { stride, bias: false })
    scope(() => {
      const x = ops.randn([1, 1, size, size])
      const total = Math.max(0, (Math.ceil(size / stride) - 1) * stride + kernel - size)
      const before = Math.floor(total / 2)
      const after = total - before
      const padded = ops.constant_pad_nd(x, [before, after, before, after])
      const expected = ops.conv2d(padded, layer.weight, null, [stride, stride])
      const output = layer.call(x)
      t.deepEqual(output.shape, [1, 1, Math.ceil(size / stride), Math.ceil(size / stride)])
      t.true(distance(flat(output), flat(expected)) < 1e-6)
    })
  }
})

test('SelfAttention is softmax(QKᵀ·scale)V, head by head', (t) => {
  using layer = new SelfAttention(8, 2, { qkvBias: true, scale: 0.3 })
  scope(() => {
    const x = ops.randn([3, 5, 8])
    const packed = layer.qkv.call(x)
    const heads = [0, 1].map((head) => {
      const part = (which: number) => packed.narrow(2, which * 8 + head * 4, 4)
      const weights = part(0).matmul(part(1).transpose(1, 2)).mul(0.3).softmax(-1)
      return weights.matmul(part(2))
    })
    const expected = layer.proj.call(ops.cat(heads, 2))
    const output = layer.call(x)
    t.true(distance(flat(output), flat(expected)) < 1e-5)
    t.is(layer.multiplyAdds([x]), 2 * 3 * 5 * 5 * 8)
  })
  t.throws(() => new SelfAttention(8, 3), { instanceOf: RangeError })
})

test('on meta, layers know shapes and have no memory', (t) => {
  const before = stats()
  onDevice('meta', () =>
    scope(() => {
      t.true(shapesOnly())
      using conv = new Conv2d(3, 1 << 15, 3, { stride: 2, padding: 1, dilation: 2 })
      using huge = new Linear(1 << 20, 1 << 20)
      t.is(huge.weight.device, 'meta')
      const x = newTensor([1, 3, 33, 40])
      t.deepEqual(conv.call(x).shape, [1, 1 << 15, 16, 19])
      using norm = new BatchNorm2d(3)
      t.deepEqual(norm.call(x).shape, x.shape)
      using layerNorm = new LayerNorm(40)
      t.deepEqual(layerNorm.call(x).shape, x.shape)
      t.throws(() => conv.call(newTensor([1, 4, 33, 40])), { instanceOf: VisslError, message: /N×3×H×W/ })
      t.throws(() => conv.call(newTensor([1, 3, 1, 2])), { instanceOf: VisslError, message: /1×2 pixels/ })
    }),
  )
  t.false(shapesOnly())
  t.is(stats().tensors, before.tensors)
})

test('shapes on meta are those of the real convolution', (t) => {
  for (const [kernel, stride, padding, dilation] of [
    [3, 1, 1, 1],
    [7, 2, 3, 1],
    [3, 2, 0, 2],
    [[3, 5], [2, 1], [0, 2], 1],
  ] as const) {
    const make = () => new Conv2d(2, 4, kernel, { stride, padding, dilation })
    const shape = [2, 2, 17, 23]
    const expected = scope(() => {
      using layer = make()
      return layer.call(ops.zeros(shape)).shape
    })
    const got = onDevice('meta', () =>
      scope(() => {
        using layer = make()
        return layer.call(newTensor(shape)).shape
      }),
    )
    t.deepEqual(got, expected)
  }
})
