import test from 'ava'
import { gradientsOf, noGrad, ops, Parameter, scope, stats, TorchError } from '../../ts/engine/index.ts'

test('gradients come in the layout of their parameters', (t) => {
  scope(() => {
    const last = new Parameter(ops.randn([2, 3, 2, 2]).to({ memoryFormat: 'channels_last' }))
    const plain = new Parameter(ops.randn([4]))
    const strided = new Parameter(ops.randn([3, 2]).t())
    const idle = new Parameter(ops.randn([2]))
    last.grad = ops.randn([2, 3, 2, 2])
    plain.grad = ops.randn([4])
    strided.grad = ops.randn([2, 3])
    const found = gradientsOf([last, plain, idle, strided])
    t.deepEqual(
      found.map(({ layout }) => layout),
      ['channels_last', 'contiguous', 'contiguous', null],
    )
    t.is(found[2]!.gradient, null)
    t.true(found[0]!.gradient!.isContiguous('channels_last'))
    t.deepEqual(found[0]!.gradient!.toArray(), last.grad!.toArray())
    found[1]!.gradient!.zero_()
    t.deepEqual(plain.grad!.toArray(), [0, 0, 0, 0])
    t.deepEqual(gradientsOf([]), [])
    for (const parameter of [last, plain, strided, idle]) parameter.free()
  })
})

test('a gradient that no longer fits, or a freed parameter, is an error', (t) => {
  scope(() => {
    const parameter = new Parameter(ops.zeros([2]))
    parameter.grad = ops.zeros([2])
    noGrad(() => parameter.set_data(ops.zeros([3])))
    t.throws(() => gradientsOf([parameter]), { instanceOf: TorchError, message: /\[2\].*\[3\]/ })
    parameter.free()
    t.throws(() => gradientsOf([parameter]), { instanceOf: TorchError, message: /freed/ })
  })
})

test.after('no tensor is left over', (t) => {
  t.is(stats().tensors, 0)
})
