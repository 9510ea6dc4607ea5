import test from 'ava'
import { computeThreads, manualSeed, noGrad, ops, scope, stats, type Tensor } from '../../ts/engine/index.ts'
import { VisslError } from '../../ts/errors.ts'
import { type ModelInput, SslModel } from '../../ts/models/index.ts'
import { BatchNorm1d, Identity, Linear, ReLU, Sequential, type TensorModule } from '../../ts/nn/index.ts'
import { checkpointActivations, splitIntoSegments } from '../../ts/optim/index.ts'
import { distance, flat } from '../nn/numbers.ts'

// Threads cost more than they give for tensors this small.
computeThreads(1)

const models: Record<string, ModelInput> = {
  resnet: {
    TRUNK: { NAME: 'resnet', TRUNK_PARAMS: { RESNETS: { DEPTH: 18, BASE_WIDTH: 8, STEM: 'small' } } },
    HEAD: { PARAMS: [['mlp', { dims: [64, 8] }]] },
  },
  regnet: {
    TRUNK: {
      NAME: 'regnet',
      TRUNK_PARAMS: { REGNET: { depth: 4, w_0: 8, w_a: 8, w_m: 2, group_width: 8 } },
    },
    HEAD: { PARAMS: [['mlp', { dims: [32, 8], use_dropout: true }]] },
  },
}

interface Run {
  loss: number
  gradients: Map<string, number[]>
  buffers: Map<string, number[]>
  input: number[]
  random: number[]
}

/** One step on two crops of different sizes. */
function run(config: ModelInput, splits: number | undefined, features: string[] = []): Run {
  return scope(() => {
    manualSeed(3)
    using model = new SslModel(config)
    if (splits !== undefined) checkpointActivations(model.trunk, splits)
    const input = ops.randn([4, 3, 16, 16])
    input.requiresGrad = true
    const outputs =
      features.length > 0 ? model.trunk.call(input, features) : model.call([input, input.narrow(3, 0, 8)])
    const loss = outputs.map((output) => output.square().mean()).reduce((a, b) => a.add(b))
    loss.backward()
    const named = Array.from(model.namedParameters(), ([name, { grad }]) => [name, grad] as const)
    return {
      loss: loss.item(),
      gradients: new Map(named.flatMap(([name, grad]) => (grad === null ? [] : [[name, flat(grad)]]))),
      buffers: new Map(Array.from(model.namedBuffers(), ([name, buffer]) => [name, flat(buffer)])),
      input: flat(input.grad!),
      random: flat(ops.rand([2])),
    }
  })
}

const plainRuns = new Map<string, Run>()

function plainRun(name: string, features: string[]): Run {
  const key = `${name} ${features.join()}`
  const known = plainRuns.get(key) ?? run(models[name]!, undefined, features)
  plainRuns.set(key, known)
  return known
}

for (const [name, config] of Object.entries(models)) {
  for (const [splits, features] of [
    [1, []],
    [2, []],
    [8, []],
    [50, []],
    [3, name === 'resnet' ? ['conv1', 'res3', 'res5avg'] : ['res2', 'avgpool']],
  ] as [number, string[]][]) {
    test(`${name}, ${splits} splits${features.map((f) => ` ${f}`).join()}: all as in a plain run`, (t) => {
      const expected = plainRun(name, features)
      const got = run(config, splits, features)
      t.is(got.loss, expected.loss)
      t.deepEqual(got.buffers, expected.buffers)
      t.deepEqual(got.random, expected.random)
      t.true(distance(got.input, expected.input) < 1e-6)
      t.deepEqual([...got.gradients.keys()], [...expected.gradients.keys()])
      for (const [parameter, gradient] of expected.gradients)
        t.true(distance(got.gradients.get(parameter)!, gradient) < 1e-6, parameter)
    })
  }
}

test('in evaluation and without recording nothing is different', (t) => {
  scope(() => {
    using model = new SslModel(models.resnet!)
    const undo = checkpointActivations(model.trunk, 4)
    const input = ops.randn([2, 3, 16, 16])
    const outputs = (): number[] => flat(model.trunk.call(input)[0] as Tensor)
    model.eval()
    const evaluated = outputs()
    model.train()
    noGrad(outputs)
    undo()
    model.eval()
    t.true(distance(evaluated, outputs()) > 0)
    const before = outputs()
    checkpointActivations(model.trunk, 4)
    t.deepEqual(outputs(), before)
    t.throws(() => checkpointActivations(model.trunk, 0), { instanceOf: VisslError })
  })
})

test('a frozen network, as in the evaluation of features, is left alone', (t) => {
  scope(() => {
    using model = new SslModel({
      ...models.resnet,
      HEAD: { PARAMS: [['eval_mlp', { in_channels: 64, dims: [64, 3] }]] },
      FEATURE_EVAL_SETTINGS: {
        EVAL_MODE_ON: true,
        FREEZE_TRUNK_ONLY: true,
        SHOULD_FLATTEN_FEATS: false,
        LINEAR_EVAL_FEAT_POOL_OPS_MAP: [['res5', ['AvgPool2d', [[2, 2], 1, 0]]]],
      },
    })
    const input = ops.randn([2, 3, 16, 16])
    const expected = flat(model.trunk.call(input)[0]!)
    checkpointActivations(model.trunk, 4)
    t.deepEqual(flat(model.trunk.call(input)[0]!), expected)
  })
})

const layer = (): TensorModule => new Identity()
const relu = (): TensorModule => new ReLU({ inplace: true })
const sizes = (blocks: [string, TensorModule][], wanted: string[], splits: number) =>
  splitIntoSegments(blocks, wanted, splits).map(({ name, modules }) => [name, modules.length])

test('segments end at the features wanted, and the first longest is cut in half', (t) => {
  const blocks: [string, TensorModule][] = [
    ['stem', layer()],
    ['res2', new Sequential([layer(), layer(), layer()])],
    ['res3', new Sequential([layer(), layer()])],
    ['avgpool', layer()],
    ['after', layer()],
  ]
  t.deepEqual(sizes(blocks, ['res2', 'avgpool'], 1), [
    ['res2', 4],
    ['avgpool', 3],
  ])
  t.deepEqual(sizes(blocks, ['res2', 'avgpool'], 4), [
    [undefined, 2],
    ['res2', 2],
    [undefined, 1],
    ['avgpool', 2],
  ])
  t.is(sizes(blocks, ['res2', 'avgpool'], 100).length, 7)
})

test('a segment never begins with a ReLU', (t) => {
  const blocks: [string, TensorModule][] = [
    ['conv', layer()],
    ['relu', relu()],
    ['pool', layer()],
  ]
  t.deepEqual(sizes(blocks, ['pool'], 2), [
    [undefined, 2],
    ['pool', 1],
  ])
  t.deepEqual(sizes(blocks, ['pool'], 9).length, 2)
  t.deepEqual(sizes(blocks.slice(0, 2), ['relu'], 5), [['relu', 2]])
})

test('a network of another kind can be run in segments', (t) => {
  scope(() => {
    manualSeed(1)
    using stack = new Sequential([new Linear(4, 4), new BatchNorm1d(4), new Linear(4, 2)])
    const blocks = [...stack.namedChildren()] as [string, TensorModule][]
    const network = Object.assign(stack, {
      featureBlocks: () => blocks,
      prepare: (x: Tensor) => x,
      plan: () => ({ depth: 3, blocks: ['2'] }),
      forward: (x: Tensor) => [blocks.reduce((y, [, block]) => block.call(y), x)],
    }) as unknown as Parameters<typeof checkpointActivations>[0]
    const input = ops.randn([5, 4])
    const gradient = () => {
      for (const parameter of stack.parameters()) parameter.grad = null
      network.forward(input)[0]!.square().sum().backward()
      return stack.parameters().flatMap(({ grad }) => flat(grad!))
    }
    const expected = gradient()
    checkpointActivations(network, 3)
    t.true(distance(gradient(), expected) < 1e-6)
  })
})

test.after('no tensor is left over', (t) => {
  t.is(stats().tensors, 0)
})
