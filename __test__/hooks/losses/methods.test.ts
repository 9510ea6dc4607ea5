import test from 'ava'
import { noGrad, ops, scope, type Tensor, tensor } from '../../../ts/engine/index.ts'
import type {
  DeepClusterLoss,
  MaeLoss,
  MocoLoss,
  MomentumLoss,
  SwavLoss,
  SwavMomentumLoss,
} from '../../../ts/losses/index.ts'
import type { SslModel } from '../../../ts/models/index.ts'
import { functional } from '../../../ts/nn/index.ts'
import type { Hook } from '../../../ts/train/hook.ts'
import type { Task } from '../../../ts/train/task.ts'
import { hashValues } from '../../nn/hash-fill.ts'
import { distance, flat } from '../../nn/numbers.ts'
import { collect, type MakeBatch, makeRun, type RunSpec, trainInTwoParts } from './_run.ts'

const IMAGES = 4
const SIZE = 16

const images = (j: number, count: number, size = SIZE): Tensor => {
  const numel = count * 3 * size * size
  return tensor(new Float32Array(hashValues(numel, j)), { shape: [count, 3, size, size] })
}
const indices = (batch: number, crops: number) =>
  ops.arange(batch * IMAGES, (batch + 1) * IMAGES, { dtype: 'int64' }).repeat([crops])

/** Two views in one tensor, as simclr_collator makes them. */
const twoViews: MakeBatch = (epoch, b) => ({
  'data.0': () => images(100 * epoch + b, 2 * IMAGES),
  'label.0': () => indices(b, 2),
})
/** Queries and keys, as moco_collator makes them. */
const queryAndKey: MakeBatch = (epoch, b) => ({
  'data.0': () => images(100 * epoch + b, IMAGES),
  'data_momentum.0': () => images(1000 + 100 * epoch + b, IMAGES),
  'label.0': () => indices(b, 1),
})
/** Images, as default_collate makes them. */
const oneView: MakeBatch = (epoch, b) => ({
  'data.0': () => images(100 * epoch + b, IMAGES),
  'label.0': () => indices(b, 1),
})
/** Two large crops and a small one, as multicrop_collator makes them. */
const crops: MakeBatch = (epoch, b) => ({
  'data.0.0': () => images(100 * epoch + b, IMAGES),
  'data.0.1': () => images(1000 + 100 * epoch + b, IMAGES),
  'data.0.2': () => images(2000 + 100 * epoch + b, IMAGES, 8),
  'label.0': () => indices(b, 3),
})

const trunk = {
  NAME: 'resnet',
  TRUNK_PARAMS: { RESNETS: { DEPTH: 18, BASE_WIDTH: 4, STEM: 'small_stride2' } },
}
const model = (...heads: unknown[]) => ({ TRUNK: trunk, HEAD: { PARAMS: heads } })
const mlp = (...dims: number[]) => [
  'mlp',
  { dims, use_bn: true, use_relu: true, skip_last_layer_relu_bn: true },
]
const swavHead = ['swav_head', { dims: [32, 16, 8], use_bn: true, num_clusters: [6] }]

const maeModel = {
  TRUNK: {
    NAME: 'vision_transformer',
    TRUNK_PARAMS: {
      VISION_TRANSFORMERS: {
        IMAGE_SIZE: SIZE,
        PATCH_SIZE: 4,
        NUM_LAYERS: 2,
        NUM_HEADS: 2,
        HIDDEN_DIM: 16,
        MLP_DIM: 32,
      },
    },
  },
  HEAD: { PARAMS: [['mae_decoder', { in_dim: 16, dim: 8, depth: 1, heads: 2, patch_size: 4 }]] },
}

const swavSizes = {
  embedding_dim: 8,
  num_prototypes: [6],
  num_crops: 3,
  queue: { queue_length: 8, local_queue_length: 8, start_iter: 1 },
}

function spec(name: string, params: object, MODEL: object, make: MakeBatch): RunSpec {
  return {
    MODEL,
    LOSS: { name, [name]: params },
    OPTIMIZER: { param_schedulers: { lr: { name: 'constant', value: 0.02 } } },
    phases: [true, true],
    batches: 3,
    batchSize: IMAGES,
    make,
  }
}

const methods: Record<string, RunSpec> = {
  moco_loss: spec('moco_loss', { embedding_dim: 8, queue_size: 12 }, model(mlp(32, 8)), queryAndKey),
  swav_loss: spec('swav_loss', swavSizes, model(swavHead), crops),
  swav_momentum_loss: spec('swav_momentum_loss', { ...swavSizes, momentum: 0.9 }, model(swavHead), crops),
  deepclusterv2_loss: spec(
    'deepclusterv2_loss',
    {
      num_crops: 3,
      num_clusters: [3, 4],
      num_train_samples: 12,
      BATCHSIZE_PER_REPLICA: IMAGES,
      memory_params: { crops_for_mb: [0, 1], embedding_dim: 8 },
    },
    model(['swav_head', { dims: [32, 16, 8], use_bn: true, num_clusters: [] }]),
    crops,
  ),
  nce_loss_with_memory: spec(
    'nce_loss_with_memory',
    {
      num_train_samples: 12,
      negative_sampling_params: { num_negatives: 5 },
      memory_params: { embedding_dim: 8 },
    },
    model(mlp(32, 8)),
    queryAndKey,
  ),
  byol_loss: spec('byol_loss', { momentum: 0.9 }, model(mlp(32, 16, 8), mlp(8, 16, 8)), twoViews),
  mocov3_loss: spec('mocov3_loss', { momentum: 0.9 }, model(mlp(32, 16, 8), mlp(8, 16, 8)), twoViews),
  simsiam_loss: spec('simsiam_loss', {}, model(mlp(32, 16, 8), mlp(8, 4, 8)), twoViews),
  nnclr_loss: spec(
    'nnclr_loss',
    { embedding_dim: 8, queue_size: 12 },
    model(mlp(32, 16, 8), mlp(8, 16, 8)),
    twoViews,
  ),
  dino_loss: spec(
    'dino_loss',
    { output_dim: 6, momentum: 0.9, teacher_temp_warmup_iters: 5 },
    model([
      'swav_head',
      { dims: [32, 16, 8], num_clusters: [6], use_weight_norm_prototypes: true, activation_name: 'GELU' },
    ]),
    crops,
  ),
  mae_loss: spec('mae_loss', { mask_ratio: 0.5 }, maeModel, oneView),
  barlow_twins_loss: spec('barlow_twins_loss', { embedding_dim: 8 }, model(mlp(32, 16, 8)), twoViews),
  vicreg_loss: spec('vicreg_loss', {}, model(mlp(32, 16, 8)), twoViews),
}

for (const [name, each] of Object.entries(methods)) {
  // One after another: runs share libtorch's random generator.
  test.serial(
    `${name} trains, changes the model, and resumes exactly in the middle of an epoch`,
    async (t) => {
      using run = makeRun(each)
      const before = flat(run.task.model.parameters()[0]!)
      const whole: number[] = []
      await run.train(collect(whole))
      t.is(whole.length, 6)
      t.true(whole.every(Number.isFinite), String(whole))
      t.true(distance(flat(run.task.model.parameters()[0]!), before) > 1e-6)
      t.deepEqual(await trainInTwoParts(each, 4), whole)
      // The encoder comes with the first step.
      if (name === 'moco_loss') t.deepEqual(await trainInTwoParts(each, 1), whole)
    },
  )
}

/** Calls back at an event of every step. */
const at = (
  event: 'onForward' | 'onUpdate' | 'onLossAndMeter' | 'onPhaseStart',
  call: (task: Task) => void,
): Hook => ({ name: 'test', [event]: call }) as unknown as Hook

const oneEpoch = (name: string, more: object = {}): RunSpec => ({
  ...methods[name]!,
  phases: [true],
  ...more,
})

test.serial(
  'MoCo’s keys: parameters follow from the second step on, statistics are the encoder’s own',
  async (t) => {
    using run = makeRun(oneEpoch('moco_loss'))
    const loss = run.task.loss as MocoLoss
    let expected: number[] = []
    const parameter = () => run.task.model.parameters()[0]!
    await run.train(
      at('onForward', ({ iteration }) => {
        const encoder = loss.encoder as SslModel
        if (iteration === 1) expected = flat(parameter())
        else expected = expected.map((v, i) => 0.999 * v + 0.001 * flat(parameter())[i]!)
        t.true(distance(flat(encoder.parameters()[0]!), expected) < 1e-6)
        t.deepEqual(loss.key!.shape, [IMAGES, 8])
        const norms = flat(loss.key!.norm(2, [1]))
        t.true(norms.every((norm) => Math.abs(norm - 1) < 1e-5))
      }),
    )
    const tracked = Object.entries((loss.encoder as SslModel).stateDict()).find(([name]) =>
      name.endsWith('num_batches_tracked'),
    )!
    t.is(tracked[1].item(), 3)
    t.true(Object.keys(loss.stateDict()).some((name) => name.startsWith('moco_encoder.trunk.')))
  },
)

test.serial(
  'SwAV: scores of the queue are those of the current prototypes, which have length 1',
  async (t) => {
    using run = makeRun(oneEpoch('swav_loss'))
    const { task } = run
    const state = (task.loss as SwavLoss).swav_criterion
    const weight = () => task.model.stateDict()['heads.0.prototypes0.weight']!
    await run.train(
      at('onForward', () => {
        if (!state.usedQueue) return
        const scores = noGrad(() => state.embeddingQueue!.matmul(weight().t()))
        t.true(distance(flat(state.scoreQueues[0]!), flat(scores)) < 1e-5)
      }),
      at('onUpdate', () => t.true(flat(weight().norm(2, [1])).every((norm) => Math.abs(norm - 1) < 1e-5))),
    )
    t.is(state.iteration, 3)
  },
)

test.serial(
  'SwAV with a momentum encoder: it follows at every step, statistics are copied, prototypes have length 1',
  async (t) => {
    using run = makeRun(oneEpoch('swav_momentum_loss'))
    const { task } = run
    const loss = task.loss as SwavMomentumLoss
    let expected: number[] = []
    const statistics = (network: SslModel) =>
      flat(Object.entries(network.stateDict()).find(([name]) => name.endsWith('running_mean'))![1])
    await run.train(
      at('onForward', ({ iteration, model: student }) => {
        const encoder = loss.encoder as SslModel
        const own = flat(student.parameters()[0]!)
        expected = iteration === 1 ? own : expected.map((v, i) => 0.9 * v + 0.1 * own[i]!)
        t.true(distance(flat(encoder.parameters()[0]!), expected) < 1e-6)
        t.deepEqual(statistics(encoder), statistics(student))
        t.false(encoder.training)
        t.deepEqual(loss.teacher!.scores[0]!.shape, [2 * IMAGES, 6])
        t.is(loss.teacher!.queueScores !== undefined, iteration > 1)
      }),
    )
    const weight = (loss.encoder as SslModel).stateDict()['heads.0.prototypes0.weight']!
    t.true(flat(weight.norm(2, [1])).every((norm) => Math.abs(norm - 1) < 1e-5))
  },
)

test.serial(
  'DeepCluster: memory is filled before the first epoch, images are clustered before each',
  async (t) => {
    using run = makeRun(oneEpoch('deepclusterv2_loss'))
    const loss = run.task.loss as DeepClusterLoss
    await run.train(
      at('onPhaseStart', () => {
        t.deepEqual(
          flat(loss.local_memory_index),
          Array.from({ length: 12 }, (_, i) => i),
        )
        const norms = flat(loss.local_memory_embeddings.norm(2, [2]))
        t.true(norms.every((norm) => Math.abs(norm - 1) < 1e-5))
        t.true(flat(loss.assignments).every((cluster) => cluster >= 0 && cluster < 4))
        t.is(loss.position, 0)
      }),
    )
    t.is(loss.position, 12)
  },
)

test.serial(
  'BYOL and MoCo v3: the teacher lacks the predictor and follows after updates; DINO’s has all heads',
  async (t) => {
    for (const name of ['byol_loss', 'mocov3_loss', 'dino_loss']) {
      using run = makeRun(oneEpoch(name))
      const loss = run.task.loss as MomentumLoss
      let expected: number[] = []
      await run.train(
        at('onForward', ({ iteration, model: student }) => {
          const own = flat(student.parameters()[0]!)
          if (iteration === 1) expected = own
          const teacher = loss.encoder as SslModel
          t.is(teacher.heads.length, 1)
          t.true(distance(flat(teacher.parameters()[0]!), expected) < 1e-5, name)
        }),
        at('onUpdate', ({ iteration, model: student }) => {
          const own = flat(student.parameters()[0]!)
          const momentum = 1 - (0.1 * (Math.cos((Math.PI * iteration) / 3) + 1)) / 2
          expected = expected.map((v, i) => momentum * v + (1 - momentum) * own[i]!)
        }),
      )
    }
  },
)

test.serial('DINO’s prototypes have length 1 before the first step and after it', async (t) => {
  using run = makeRun(oneEpoch('dino_loss'))
  const check = ({ model: student }: Task) => {
    const state = student.stateDict()
    t.true(
      flat(state['heads.0.prototypes0.weight_v']!.norm(2, [1])).every((norm) => Math.abs(norm - 1) < 1e-5),
    )
    t.true(flat(state['heads.0.prototypes0.weight_g']!).every((length) => length === 1))
  }
  await run.train(at('onForward', check), at('onUpdate', check))
})

test.serial('SimSiam: the projection is what the predictor was given, without gradients', async (t) => {
  using run = makeRun(oneEpoch('simsiam_loss'))
  const { model: student, loss } = run.task
  await run.train(
    at('onForward', ({ step }) => {
      const { projection } = loss as unknown as { projection: Tensor }
      t.false(projection.requiresGrad)
      const predicted = noGrad(() => student.heads.at(1)!.call(projection)) as Tensor
      t.true(
        distance(flat(functional.normalize(predicted)), flat(functional.normalize(step.output as Tensor))) <
          1e-4,
      )
    }),
  )
})

test.serial('test phases leave queues and encoders alone', async (t) => {
  for (const name of [
    'moco_loss',
    'swav_momentum_loss',
    'nnclr_loss',
    'byol_loss',
    'dino_loss',
    'swav_loss',
  ]) {
    using run = makeRun(oneEpoch(name, { phases: [true, false] }))
    const state = () =>
      scope(() =>
        Object.entries(run.task.loss.stateDict())
          .filter(([key]) => !key.startsWith('moco_encoder.') || key.endsWith('weight'))
          .map(([key, value]) => [key, flat(value)]),
      )
    let before: unknown
    await run.train(
      at('onPhaseStart', (task) => {
        if (!task.train) before = state()
      }),
    )
    t.deepEqual(state(), before as ReturnType<typeof state>, name)
  }
})

test.serial('what the hooks miss is said', async (t) => {
  const wrong = async (each: RunSpec) => {
    using run = makeRun(each)
    return (await t.throwsAsync(run.train()))!.message
  }
  t.regex(await wrong({ ...methods.byol_loss!, MODEL: model(mlp(32, 8)) }), /needs a projection head/)
  t.regex(
    await wrong({ ...methods.moco_loss!, make: twoViews }),
    /moco_loss takes a second view of every image from the batch/,
  )
  t.regex(await wrong({ ...methods.swav_momentum_loss!, make: twoViews }), /rows|crop 1 of every image/)
  t.regex(await wrong({ ...methods.deepclusterv2_loss!, make: twoViews }), /batches of several crops/)
})

test.serial(
  'MAE: the trunk sees a share of the patches while it trains, and all of them otherwise',
  async (t) => {
    using run = makeRun(oneEpoch('mae_loss'))
    const { model: student, loss } = run.task
    const masks: number[][] = []
    const seen: number[] = []
    const remove = student.trunk.featureBlocks()[1]![1].registerForwardHook((_block, inputs) => {
      seen.push((inputs[0] as Tensor).shape[1]!)
    })
    await run.train(
      at('onForward', ({ step }) => {
        const { mask } = (loss as MaeLoss).given!
        masks.push(flat(mask))
        t.true(flat(mask.sum([1])).every((hidden) => hidden === 8))
        t.deepEqual((step.output as Tensor).shape, [IMAGES, 16, 48])
      }),
      at('onUpdate', ({ model: trained }) => {
        const features = scope(() => {
          trained.eval()
          const [pooled] = noGrad(() => trained.trunk.call(images(1, 2)))
          trained.train()
          return pooled!.shape
        })
        t.deepEqual(features, [2, 16])
      }),
    )
    t.deepEqual(seen, [9, 17, 9, 17, 9, 17])
    t.notDeepEqual(masks[0], masks[1])
    remove()
    using tested = makeRun(oneEpoch('mae_loss', { phases: [true, false] }))
    t.regex((await t.throwsAsync(tested.train()))!.message, /mae_loss has no test phase/)
    using other = makeRun({ ...methods.mae_loss!, MODEL: model(mlp(32, 8)) })
    t.regex((await t.throwsAsync(other.train()))!.message, /needs a vision_transformer/)
  },
)
