import test from 'ava'
import { manualSeed, noGrad, ops, scope, type Tensor } from '../../ts/engine/index.ts'
import { VisslError } from '../../ts/errors.ts'
import {
  type ByolLoss,
  buildLoss,
  cosineMomentum,
  type DinoLoss,
  type Loss,
  type LossContext,
  type MaeLoss,
  type NnclrLoss,
  type SimsiamLoss,
} from '../../ts/losses/index.ts'
import { patches } from '../../ts/losses/mae.ts'
import { load, readNpz } from '../nn/npz.ts'
import { distance, flat } from '../nn/numbers.ts'
import { close, gradientError, leaf } from './_golden.ts'

const arrays = readNpz('losses/beyond.npz')

const params: Record<string, object> = {
  barlow_twins_loss: { lambda_: 0.01, scale_loss: 0.1, embedding_dim: 4 },
  vicreg_loss: {},
  simsiam_loss: {},
  byol_loss: {},
  mocov3_loss: {},
  nnclr_loss: { embedding_dim: 4, queue_size: 15 },
  dino_loss: { output_dim: 5 },
}

/** What a hook would give the loss, or what it starts with; of one view's worth of rows each. */
type Companion = Loss & { teacher?: Tensor; projection?: Tensor; queue?: Tensor; center?: Tensor }

function build(name: string, more: object = {}): Companion {
  return buildLoss({ name, [name]: { ...params[name], ...more } }) as Companion
}

function prepare(loss: Companion, name: string): void {
  const given = (key: string) => arrays.has(`${name}/${key}`) && load(arrays, `${name}/${key}`)
  const teacher = given('teacher')
  const projection = given('projection')
  const queue = given('queue')
  const center = given('center')
  if (teacher) loss.teacher = teacher
  if (projection) loss.projection = projection
  noGrad(() => {
    if (queue) loss.queue!.copy_(queue)
    if (center) loss.center!.copy_(center)
  })
}

for (const name of Object.keys(params)) {
  test(`${name} equals PyTorch’s restatement and finite differences`, (t) => {
    using loss = build(name)
    loss.to({ dtype: 'float64' })
    scope(() => {
      prepare(loss, name)
      const input = leaf(load(arrays, `${name}/output`))
      const value = noGrad(() => loss.call(input)).item()
      t.true(close(value, Number(arrays.get(`${name}/loss`)!.data[0]), 1e-12), `${value}`)
      const error = gradientError(
        (x) => {
          prepare(loss, name)
          return loss.call(x)
        },
        [input],
      )
      t.true(error < 1e-6, `${error}`)
      prepare(loss, name)
      loss.call(input).backward()
      t.true(distance(flat(input.grad!), arrays.get(`${name}/grad_output`)!.data) < 1e-10)
    })
  })

  test(`${name}: the order of the images does not matter, and neither does that of the views`, (t) => {
    manualSeed(1)
    using loss = build(name)
    loss.to({ dtype: 'float64' })
    scope(() => {
      const crops = name === 'dino_loss' ? 4 : 2
      const shuffle = (x: Tensor, views: number, flip: boolean) => {
        const parts = x.view([views, -1, x.shape[1]!]).flip(flip ? [0, 1] : [1])
        return parts.reshape(x.shape)
      }
      const output = load(arrays, `${name}/output`)
      const evaluate = (flip?: boolean) => {
        prepare(loss, name)
        if (flip !== undefined && loss.teacher) loss.teacher = shuffle(loss.teacher, 2, flip)
        if (flip !== undefined && loss.projection) loss.projection = shuffle(loss.projection, 2, flip)
        return noGrad(() => loss.call(flip === undefined ? output : shuffle(output, crops, flip))).item()
      }
      const expected = evaluate()
      t.true(close(evaluate(false), expected, 1e-12))
      if (name !== 'dino_loss') t.true(close(evaluate(true), expected, 1e-12))
    })
  })
}

test('DINO’s centre and temperature move', (t) => {
  using loss = build('dino_loss', { ema_center: 0.75, teacher_temp_warmup_iters: 4 }) as DinoLoss
  scope(() => {
    const teacher = ops.ones([6, 5]).mul(2)
    loss.teacher = teacher
    loss.call(ops.zeros([12, 5]))
    t.deepEqual(flat(loss.center), [0.5, 0.5, 0.5, 0.5, 0.5])
    const temperatures = [0, 1, 2, 3, 4, 100].map((iteration) => {
      loss.iteration = iteration
      return Number(loss.teacherTemperature.toFixed(6))
    })
    t.deepEqual(temperatures, [0.04, 0.05, 0.06, 0.07, 0.07, 0.07])
  })
})

test('NNCLR’s queue takes the first views in turn, and only while training', (t) => {
  using loss = build('nnclr_loss', { queue_size: 4 }) as NnclrLoss
  scope(() => {
    const projection = ops.eye(4)
    loss.projection = projection
    loss.call(ops.randn([4, 4]))
    t.deepEqual(flat(loss.queue.narrow(0, 0, 2)), flat(projection.narrow(0, 0, 2)))
    t.is(loss.queue_ptr.item(), 2)
    noGrad(() => loss.call(ops.randn([4, 4])))
    t.is(loss.queue_ptr.item(), 2)
    loss.call(ops.randn([4, 4]))
    t.is(loss.queue_ptr.item(), 0)
  })
})

test('the momentum rises along a half cosine', (t) => {
  t.true(close(cosineMomentum(0.9, 0), 0.9, 1e-12))
  t.true(close(cosineMomentum(0.9, 0.5), 0.95, 1e-12))
  t.true(close(cosineMomentum(0.9, 1), 1, 1e-12))
  t.true(close(cosineMomentum(0.9, 2), 1, 1e-12))
})

test('what does not fit is named before the first step or at it', (t) => {
  const context: LossContext = {
    batchSize: 5,
    worldSize: 1,
    samples: 100,
    crops: 2,
    dropLast: true,
    labels: false,
  }
  for (const name of Object.keys(params)) {
    using loss = build(name)
    t.notThrows(() => loss.check!(context), name)
    t.throws(() => loss.check!({ ...context, crops: 1 }), { instanceOf: VisslError }, name)
    scope(() => {
      const needsMore = !['barlow_twins_loss', 'vicreg_loss'].includes(name)
      if (needsMore)
        t.throws(() => loss.call(ops.ones([4, 4])), { message: /is missing; use it with its hook/ })
      if (name === 'dino_loss') return
      t.throws(() => loss.call(ops.ones([3, 4])), { message: /3 rows/ }, name)
      t.throws(() => loss.call([ops.ones([4, 4]), ops.ones([4, 4])]), { message: /takes one tensor/ }, name)
    })
  }
  using nnclr = build('nnclr_loss')
  t.throws(() => nnclr.check!({ ...context, batchSize: 4 }), { message: /15 embeddings is no multiple/ })
  using barlow = build('barlow_twins_loss')
  t.throws(() => barlow.check!({ ...context, batchSize: 1 }), { message: /at least 2 images/ })
  using byol = build('byol_loss') as ByolLoss
  using simsiam = build('simsiam_loss') as SimsiamLoss
  scope(() => {
    byol.teacher = ops.ones([4, 3])
    t.throws(() => byol.call(ops.ones([4, 4])), { message: /gives 4 numbers for a view, and .* has 3/ })
    simsiam.projection = ops.ones([4, 3])
    t.throws(() => simsiam.call(ops.ones([4, 4])), { message: /gives 4 numbers for a view, and .* has 3/ })
  })
})

test('mae_loss equals PyTorch’s restatement and finite differences; patches come row by row', (t) => {
  using loss = buildLoss({ name: 'mae_loss' }) as MaeLoss
  using raw = buildLoss({ name: 'mae_loss', mae_loss: { norm_pix_loss: false } }) as MaeLoss
  scope(() => {
    const images = load(arrays, 'mae_loss/images')
    const given = { images, mask: load(arrays, 'mae_loss/mask') }
    loss.given = given
    const input = leaf(load(arrays, 'mae_loss/output'))
    const value = loss.call(input)
    value.backward()
    t.true(close(value.item(), Number(arrays.get('mae_loss/loss')!.data[0]), 1e-12))
    t.true(distance(flat(input.grad!), arrays.get('mae_loss/grad_output')!.data) < 1e-10)
    t.true(gradientError((x) => loss.call(x), [input]) < 1e-7)
    raw.given = given
    t.true(raw.call(patches(images, 2)).item() < 1e-20)
    t.throws(() => loss.call(ops.ones([2, 5, 12])), {
      message: /predictions 2×5×12 do not fit images 2×3×4×6/,
    })
    loss.given = undefined
    t.throws(() => loss.call(input), { message: /the mask is missing/ })
  })
})
