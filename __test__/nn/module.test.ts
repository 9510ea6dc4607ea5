import test from 'ava'
import {
  noGrad,
  ops,
  Parameter,
  scope,
  stats,
  type Tensor,
  TensorBuffer,
  tensor,
} from '../../ts/engine/index.ts'
import { VisslError } from '../../ts/errors.ts'
import { BatchNorm2d, Conv2d, Linear, Module, ModuleList, ReLU, Sequential } from '../../ts/nn/index.ts'
import { flat } from './numbers.ts'

class Net extends Module {
  readonly scale: Parameter
  readonly body: Sequential
  readonly seen: TensorBuffer
  readonly scratch: TensorBuffer
  readonly list: ModuleList<Linear>
  readonly note = 'not a child'

  constructor() {
    super()
    this.scale = new Parameter(ops.ones([1]))
    this.body = new Sequential({
      conv: new Conv2d(1, 2, 3),
      bn: new BatchNorm2d(2),
      relu: new ReLU({ inplace: true }),
    })
    this.seen = new TensorBuffer(ops.zeros([]))
    this.scratch = new TensorBuffer(ops.zeros([2]), { persistent: false })
    this.list = new ModuleList([new Linear(2, 3), new Linear(3, 1)])
  }

  override forward(x: Tensor): Tensor {
    let y = this.body.call(x).mean([2, 3]).mul(this.scale)
    for (const layer of this.list) y = layer.call(y)
    return y
  }
}

test('names follow PyTorch: parameters, buffers, children in the order of declaration', (t) => {
  using net = new Net()
  t.deepEqual(Object.keys(net.stateDict()), [
    'scale',
    'seen',
    'body.conv.weight',
    'body.conv.bias',
    'body.bn.weight',
    'body.bn.bias',
    'body.bn.running_mean',
    'body.bn.running_var',
    'body.bn.num_batches_tracked',
    'list.0.weight',
    'list.0.bias',
    'list.1.weight',
    'list.1.bias',
  ])
  t.is(net.parameters().length, 9)
  t.deepEqual(
    Array.from(net.namedModules(), ([name]) => name),
    ['', 'body', 'body.conv', 'body.bn', 'body.relu', 'list', 'list.0', 'list.1'],
  )
})

test('a call frees its intermediates and frees them again in evaluation without gradients', (t) => {
  const before = stats().tensors
  {
    using net = new Net()
    scope(() => {
      const x = ops.ones([2, 1, 5, 5])
      const held = stats().tensors
      const y = net.call(x)
      t.is(stats().tensors, held + 1)
      y.sum().backward()
      t.truthy(net.scale.grad)
      net.eval()
      noGrad(() => net.call(x))
    })
  }
  t.is(stats().tensors, before)
})

test('train and eval reach every child', (t) => {
  using net = new Net()
  net.eval()
  t.true(Array.from(net.namedModules()).every(([, module]) => !module.training))
  net.train()
  t.true(Array.from(net.namedModules()).every(([, module]) => module.training))
})

test('loadStateDict copies values and reports what does not fit', (t) => {
  using from = new Net()
  using into = new Net()
  const state = from.stateDict()
  const report = into.loadStateDict(state)
  t.is(report.loaded.length, 13)
  t.deepEqual(flat(into.body.at('conv')!.stateDict().weight!), flat(state['body.conv.weight']!))

  const { scale: _, ...rest } = state
  const partial = { ...rest, extra: state.seen! }
  const error = t.throws(() => into.loadStateDict(partial), { instanceOf: VisslError })
  t.regex(error.message, /missing: scale/)
  t.regex(error.message, /unexpected: extra/)
  const loose = into.loadStateDict(partial, { strict: false })
  t.deepEqual(loose.missing, ['scale'])
  t.deepEqual(loose.unexpected, ['extra'])

  using wrong = ops.zeros([7])
  const shapes = t.throws(() => into.loadStateDict({ ...state, scale: wrong }, { strict: false }), {
    instanceOf: VisslError,
  })
  t.regex(shapes.message, /scale has shape \[7\], the model needs \[1\]/)
})

test('to converts in place and leaves integers alone', (t) => {
  using net = new Net()
  const { scale } = net
  net.to({ dtype: 'float64', memoryFormat: 'channels_last' })
  const state = net.stateDict()
  t.is(net.scale, scale)
  t.is(scale.dtype, 'float64')
  t.true(scale.requiresGrad)
  t.is(state['body.bn.num_batches_tracked']!.dtype, 'int64')
  t.true(state['body.conv.weight']!.isContiguous('channels_last'))
  scope(() => {
    net
      .call(ops.ones([2, 1, 5, 5], { dtype: 'float64' }))
      .sum()
      .backward()
    t.is(scale.grad!.dtype, 'float64')
  })
})

test('forward hooks see and may replace outputs until they are removed', (t) => {
  using net = new Net()
  scope(() => {
    const x = ops.ones([2, 1, 5, 5])
    let shape: number[] = []
    const remove = net.body.at('conv')!.registerForwardHook((_module, _inputs, output) => {
      shape = (output as Tensor).shape
    })
    net.call(x)
    t.deepEqual(shape, [2, 2, 3, 3])
    shape = []
    remove()
    net.call(x)
    t.deepEqual(shape, [])
    const undo = net.registerForwardHook((_module, _inputs, output) => (output as Tensor).mul(0))
    t.true(flat(net.call(x)).every((value) => value === 0))
    undo()
  })
})

test('requiresGrad_ freezes', (t) => {
  using net = new Net()
  net.body.requiresGrad_(false)
  t.deepEqual(
    Array.from(net.namedParameters())
      .filter(([, parameter]) => !parameter.requiresGrad)
      .map(([name]) => name),
    ['body.conv.weight', 'body.conv.bias', 'body.bn.weight', 'body.bn.bias'],
  )
  scope(() => {
    net
      .call(tensor(new Float32Array(50).fill(1), { shape: [2, 1, 5, 5] }))
      .sum()
      .backward()
    t.is(net.body.parameters()[0]!.grad, null)
  })
})
