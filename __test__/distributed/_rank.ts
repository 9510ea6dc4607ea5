// One process of a group, started by c10d.test.ts: runs the job that its argument names and sends what came out.
import {
  alone,
  averageGradients,
  broadcastText,
  joinGroup,
  largestOf,
  type ProcessGroup,
  rankEnvironment,
  setWorldGroup,
} from '../../ts/distributed/index.ts'
import { manualSeed, noGrad, ops, Parameter, scope, type Tensor, tensor } from '../../ts/engine/index.ts'
import {
  BatchNorm2d,
  Conv2d,
  convertSyncBatchNorm,
  Flatten,
  Linear,
  ReLU,
  Sequential,
} from '../../ts/nn/index.ts'
import { buildOptimizer, type OptimizerConfig, type OptimizerState } from '../../ts/optim/index.ts'

const values = (t: Tensor): number[] => t.detach().reshape([-1]).toArray() as number[]

/** Two layers, the second unused in odd processes; their gradients by either way of averaging. */
function gradients(group: ProcessGroup, overlapped: boolean): number[] {
  const weights = [1, 2].map((value) => new Parameter(tensor([value, -value], { dtype: 'float32' })))
  const used = overlapped ? weights : weights.slice(0, 2 - (group.rank % 2))
  const averaging = averageGradients(group, weights, { overlapped, bucketMiB: 1e-6 })
  averaging?.before()
  used
    .map((weight) => weight.mul(group.rank + 1).sum())
    .reduce((sum, part) => sum.add(part))
    .backward()
  averaging?.after()
  return weights.flatMap((weight) => values(weight.grad!))
}

/** A small network that takes its batch statistics over the group, and this rank's rows of its images and targets. */
function network(group: ProcessGroup) {
  manualSeed(3)
  const model = new Sequential([
    new Conv2d(3, 8, 3, { padding: 1 }),
    new BatchNorm2d(8),
    new ReLU(),
    new Flatten(),
    new Linear(8 * 36, 4),
  ])
  if (group.size > 1) convertSyncBatchNorm(model, group)
  const rows = 24 / group.size
  const part = (t: Tensor) => t.narrow(0, group.rank * rows, rows)
  const x = ops
    .arange(24 * 3 * 36, { dtype: 'float32' })
    .mul(0.37)
    .sin()
    .reshape([24, 3, 6, 6])
  const y = ops
    .arange(24 * 4, { dtype: 'float32' })
    .mul(1.3)
    .cos()
    .reshape([24, 4])
  return { model, x: part(x), y: part(y) }
}

const zeroConfigs: readonly OptimizerConfig[] = [
  { name: 'sgd', momentum: 0.9, nesterov: true, weight_decay: 0.01 },
  { name: 'sgd', momentum: 0.9, weight_decay: 0.01, use_larc: true, larc_config: { clip: false } },
  { name: 'lars', momentum: 0.9, weight_decay: 0.01 },
  { name: 'adamw', weight_decay: 0.1 },
  { name: 'rmsprop', momentum: 0.9 },
]

/** What became of an optimizer inside ZeRO beside itself. */
export interface ZeroResult {
  readonly name: string
  readonly moved: boolean
  /** Whether parameters are bit for bit those without ZeRO. */
  readonly equal: boolean
  /** The part of the state's elements that `stateDict` gives in this process. */
  readonly kept: number
  /** Whether the gathered state is; in the first process. */
  readonly wholeEqual: boolean
  /** The same after the state was restored with ZeRO, and without. */
  readonly resumed: readonly boolean[]
  readonly misfit: string
}

const elements = ({ state }: OptimizerState): number =>
  Object.values(state)
    .flatMap((own) => Object.values(own))
    .reduce<number>((sum, value) => sum + (typeof value === 'number' ? 0 : value.numel), 0)

const shown = ({ state, param_groups }: OptimizerState) => [
  Object.entries(state).map(([index, own]) => [
    index,
    Object.entries(own).map(([name, value]) => [name, typeof value === 'number' ? value : values(value)]),
  ]),
  param_groups,
]

function compareZero(config: OptimizerConfig, group: ProcessGroup): ZeroResult {
  return scope(() => {
    setWorldGroup(group)
    // Weight decay belongs to the groups, which are those of the outer block.
    const { weight_decay } = config
    const sharded: OptimizerConfig = {
      name: 'zero',
      base_optimizer: config,
      ...(weight_decay === undefined ? {} : { weight_decay }),
    }
    const make = (of: OptimizerConfig) => {
      const { model } = network(alone)
      return { model, optimizer: buildOptimizer(of, model) }
    }
    type Trained = ReturnType<typeof make>
    const steps = ({ optimizer }: Trained, from: number, to: number) => {
      for (let step = from; step < to; step++) {
        for (const of of optimizer.groups) {
          of.lr = 0.1 / (1 + step)
          for (const param of of.params)
            param.grad = ops.arange(param.numel).add(step).sin().view(param.shape)
        }
        noGrad(() => optimizer.step())
      }
    }
    const weights = ({ model }: Trained) => model.parameters().flatMap(values)
    const same = (a: Trained, b: Trained) => JSON.stringify(weights(a)) === JSON.stringify(weights(b))
    const [plain, zero, again, single] = [make(config), make(sharded), make(sharded), make(config)]
    const before = weights(plain)
    steps(plain, 0, 5)
    steps(zero, 0, 5)
    const [equal, moved] = [same(plain, zero), weights(plain).some((value, i) => value !== before[i])]
    const own = zero.optimizer.stateDict()
    const whole = plain.optimizer.stateDict()
    const wholeEqual = JSON.stringify(shown(own)) === JSON.stringify(shown(whole))
    for (const trained of [again, single]) {
      noGrad(() => trained.model.parameters().forEach((p, i) => void p.copy_(plain.model.parameters()[i]!)))
      trained.optimizer.loadStateDict(trained === single && group.rank === 0 ? own : whole)
    }
    for (const trained of [plain, again, single]) steps(trained, 5, 8)
    let misfit = ''
    try {
      again.optimizer.loadStateDict({ state: {}, param_groups: [{ params: [0] }] })
    } catch (error) {
      misfit = (error as Error).message
    }
    return {
      name: config.name,
      moved,
      equal,
      kept: elements(own) / elements(whole),
      wholeEqual,
      resumed: [same(plain, again), same(plain, single)],
      misfit,
    }
  })
}

const jobs: Record<string, (group: ProcessGroup) => unknown> = {
  collectives(group) {
    const own = (): Tensor => tensor([group.rank, 10 * group.rank], { dtype: 'float32' })
    const reduced = (['sum', 'mean', 'max', 'min'] as const).map((reduction) => {
      const t = own()
      group.allReduce(t, reduction)
      return values(t)
    })
    const sent = own()
    group.broadcast(sent, 1)
    group.barrier()
    const column = ops
      .arange(6, { dtype: 'float32' })
      .reshape([2, 3])
      .t()
      .select(1, group.rank % 2)
    group.allReduce(column, 'sum')
    return { reduced, sent: values(sent), gathered: values(group.gather(own())), strided: values(column) }
  },

  /** A network with batch normalisation on 24 images drawn by a formula, each rank on its part of them. */
  training(group) {
    const { model, x, y } = network(group)
    const averaging = averageGradients(group, model.parameters(), { overlapped: true, bucketMiB: 25 })
    const optimizer = buildOptimizer({ name: 'sgd', momentum: 0.9, weight_decay: 0.01 }, model)
    const losses = Array.from({ length: 20 }, () =>
      scope(() => {
        optimizer.zeroGrad()
        averaging?.before()
        const loss = model.forward(x).sub(y).pow(2).mean()
        loss.backward()
        averaging?.after()
        for (const of of optimizer.groups) of.lr = 0.05
        noGrad(() => optimizer.step())
        const shown = loss.detach()
        group.allReduce(shown, 'mean')
        return shown.item()
      }),
    )
    return {
      losses,
      state: Object.values(model.stateDict()).flatMap((t) => values(t.to({ dtype: 'float64' }))),
    }
  },

  zero: (group) => zeroConfigs.map((config) => compareZero(config, group)),

  averaging: (group) => [gradients(group, true), gradients(group, false)],

  agreement: (group) => ({
    text: broadcastText(group, group.rank === 1 ? 'runs/ключ-1' : 'mine', 1),
    empty: broadcastText(group, group.rank === 0 ? '' : 'mine'),
    largest: largestOf(group, group.rank === 0 ? 130 : 0),
  }),

  split(group) {
    const half = group.split([
      [0, 1],
      [2, 3],
    ])
    const t = tensor([group.rank], { dtype: 'float32' })
    half.allReduce(t, 'sum')
    const single = group.split([[0], [1], [2], [3]])
    return { sum: values(t), rank: half.rank, size: half.size, single: single === alone }
  },
}

const place = rankEnvironment(process.env)!
const group = joinGroup({ ...place, size: place.worldSize, address: '127.0.0.1', timeout: 60_000 })
process.send!(jobs[process.argv[2]!]!(group))
group.barrier()
