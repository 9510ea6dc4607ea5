import test from 'ava'
import { manualSeed, noGrad, ops, scope, type Tensor } from '../../ts/engine/index.ts'
import { VisslError } from '../../ts/errors.ts'
import { buildLoss, type SwavLoss, type SwavMomentumLoss } from '../../ts/losses/index.ts'
import { load } from '../nn/npz.ts'
import { distance, flat } from '../nn/numbers.ts'
import { close, type Golden, goldenOf, gradientError, inputsOf, leaf, lossOf } from './_golden.ts'

const swav = goldenOf('swav_loss')
const momentum = goldenOf('swav_momentum_loss')

function fillBuffers(loss: SwavLoss | SwavMomentumLoss, { arrays }: Golden, name: string): void {
  for (const [key, value] of Object.entries(loss.stateDict())) {
    const initial = `${name}/buffer_init_${key.replace('swav_criterion.', '')}`
    noGrad(() => value.copy_(load(arrays, initial)))
  }
}

/** Gradients of the scores against the file; non-finite cases have NaN everywhere. */
function sameGradients(
  { arrays }: Golden,
  name: string,
  scores: readonly Tensor[],
  tolerance: number,
): boolean {
  return scores.every((each, head) => {
    const expected = Array.from(arrays.get(`${name}/grad_scores${head}`)!.data, Number)
    const got = flat(each.grad!)
    if (expected.some(Number.isNaN)) return got.some(Number.isNaN)
    return distance(got, expected) < tolerance
  })
}

for (const [name, row] of swav.rows) {
  test(`swav_loss, ${name}`, (t) => {
    using loss = lossOf<SwavLoss>(row.config)
    scope(() => {
      fillBuffers(loss, swav, name)
      t.deepEqual(
        Object.fromEntries(Object.entries(loss.stateDict()).map(([key, value]) => [key, value.shape])),
        row.state_dict,
      )
      const values = [...(row.losses_earlier_steps ?? []), Number(row.loss)]
      for (const [step, expected] of values.entries()) {
        const embeddings = load(swav.arrays, `${name}/embeddings`)
        const scores = inputsOf(swav, name, 'scores')
        const value = loss.call([embeddings, ...scores])
        t.true(close(value.item(), expected, 2e-6), `step ${step}: ${value.item()} for ${expected}`)
        if (step < values.length - 1) continue
        value.backward()
        t.true(sameGradients(swav, name, scores, 1e-5))
      }
      for (const [key, value] of Object.entries(loss.stateDict())) {
        const expected = swav.arrays.get(`${name}/buffer_after_${key.replace('swav_criterion.', '')}`)!
        t.deepEqual(flat(value), Array.from(expected.data, Number), key)
      }
    })
  })
}

for (const [name, row] of momentum.rows) {
  test(`swav_momentum_loss, ${name}`, (t) => {
    using loss = lossOf<SwavMomentumLoss>(row.config)
    scope(() => {
      fillBuffers(loss, momentum, name)
      t.deepEqual(Object.keys(loss.stateDict()), Object.keys(row.state_dict!))
      const scores = inputsOf(momentum, name, 'scores')
      loss.teacher = {
        embeddings: load(momentum.arrays, `${name}/momentum_embeddings`),
        scores: inputsOf(momentum, name, 'momentum_scores').map((each) => each.detach()),
      }
      const value = loss.call([ops.zeros([scores[0]!.shape[0]!, 16]), ...scores])
      value.backward()
      t.true(close(value.item(), Number(row.loss), 2e-6))
      t.true(sameGradients(momentum, name, scores, 1e-5))
      t.is(loss.state.iteration, 1)
    })
  })
}

const build = (params: object) =>
  buildLoss({
    name: 'swav_loss',
    swav_loss: { embedding_dim: 4, num_prototypes: [5], num_crops: 3, ...params },
  }) as SwavLoss

/** Cross entropy of every crop with the codes of the others, pair by pair. */
function plain(
  scores: number[][],
  targets: (readonly [number, number[][]])[],
  crops: number,
  t: number,
): number {
  const rows = scores.length / crops
  let sum = 0
  for (const [crop, code] of targets) {
    for (let p = 0; p < crops; p++) {
      if (p === crop) continue
      for (let b = 0; b < rows; b++) {
        const logits = scores[p * rows + b]!.map((s) => s / t)
        const norm = Math.log(logits.reduce((total, s) => total + Math.exp(s), 0))
        for (const [k, s] of logits.entries()) sum -= code[b]![k]! * (s - norm)
      }
    }
  }
  return sum / (targets.length * (crops - 1) * rows)
}

test('the value equals a loop over pairs of crops; hard codes make it smooth enough for differences', (t) => {
  manualSeed(1)
  using loss = build({ temperature: 0.5 })
  using hard = build({ temperature: 0.5, temp_hard_assignment_iters: 1000 })
  scope(() => {
    const embeddings = ops.zeros([6, 4])
    const scores = ops.randn([6, 5], { dtype: 'float64' })
    const targets = loss
      .codesOf(scores, 0)
      .map(([crop, code]) => [crop, code.toArray() as number[][]] as const)
    const expected = plain(scores.toArray() as number[][], targets, 3, 0.5)
    t.true(close(loss.call([embeddings, scores]).item(), expected, 1e-12))
    t.true(gradientError((x) => hard.call([embeddings, x]), [scores]) < 1e-7)
  })
})

test('the queue holds the newest embeddings of each crop first', (t) => {
  using loss = build({ queue: { queue_length: 4, local_queue_length: 4, start_iter: 1 } })
  scope(() => {
    const scores = ops.zeros([6, 5])
    const queue = loss.swav_criterion.embeddingQueue!
    const initial = flat(queue)
    const step = (first: number) => {
      const embeddings = ops
        .arange(first, first + 24)
        .to('float32')
        .view([6, 4])
      loss.call([embeddings, scores])
    }
    step(0)
    t.deepEqual(flat(queue), initial, 'not before its first iteration')
    t.false(loss.swav_criterion.usedQueue)
    step(100)
    t.true(loss.swav_criterion.usedQueue)
    step(200)
    const numbers = (from: number) => Array.from({ length: 8 }, (_, i) => from + i)
    t.deepEqual(flat(queue), [...numbers(200), ...numbers(100), ...numbers(208), ...numbers(108)])
    noGrad(() => step(300))
    t.is(loss.swav_criterion.iteration, 3, 'a test leaves the state alone')
  })
})

test('the momentum loss keeps whole crops, however many crops there are', (t) => {
  using loss = buildLoss({
    name: 'swav_momentum_loss',
    swav_momentum_loss: {
      embedding_dim: 4,
      num_prototypes: [5],
      num_crops: 4,
      queue: { queue_length: 3, local_queue_length: 3 },
    },
  }) as SwavMomentumLoss
  scope(() => {
    const embeddings = ops.arange(24).to('float32').view([6, 4])
    t.throws(() => loss.call([ops.zeros([12, 4]), ops.zeros([12, 5])]), { message: /has not run/ })
    loss.teacher = { embeddings, scores: [ops.zeros([6, 5])], queueScores: [ops.zeros([2, 3, 5])] }
    loss.call([ops.zeros([12, 4]), ops.zeros([12, 5])])
    t.deepEqual(flat(loss.state.embeddingQueue!), flat(embeddings))
    loss.teacher = { embeddings, scores: [ops.zeros([4, 5])] }
    t.throws(() => loss.call([ops.zeros([12, 4]), ops.zeros([12, 5])]), {
      message: /2 images and the model 3/,
    })
  })
})

test('what does not fit is named', (t) => {
  t.throws(() => build({ num_crops: 1 }), { message: /num_crops is 1/ })
  t.throws(() => build({ crops_for_assign: [0, 3] }), {
    message: /crops_for_assign is \[0, 3\] with 3 crops/,
  })
  t.throws(() => build({ crops_for_assign: [] }), { instanceOf: VisslError })
  t.throws(() => build({ num_iters: -1 }), { instanceOf: VisslError })
  const warnings: string[] = []
  const context = {
    batchSize: 4,
    worldSize: 2,
    samples: 4,
    crops: 3,
    dropLast: true,
    labels: false,
    warn: (message: string) => warnings.push(message),
  }
  using loss = build({ queue: { local_queue_length: 6 } })
  t.throws(() => loss.check!(context), { message: /6 rows, no multiple of the batch of 4/ })
  t.throws(() => loss.check!({ ...context, crops: 2 }), {
    message: /num_crops is 3, and the transforms make 2/,
  })
  loss.check!({ ...context, batchSize: 3 })
  t.regex(warnings[0]!, /5 prototypes for 4 images/)
  scope(() => {
    t.throws(() => loss.call([ops.zeros([6, 4]), ops.zeros([6, 4])]), { message: /the model gave 4, 4/ })
    t.throws(() => loss.call(ops.zeros([6, 4])), { message: /the model gave 4$/ })
    t.throws(() => loss.call([ops.zeros([7, 4]), ops.zeros([7, 5])]), { message: /7 rows/ })
    t.throws(() => loss.call([ops.zeros([24, 4]), ops.zeros([24, 5])]), {
      message: /holds 6 rows and a batch has 8/,
    })
  })
})

test('the state goes into checkpoints and comes back', (t) => {
  const params = { queue: { queue_length: 2, local_queue_length: 2 } }
  using a = build(params)
  using b = build(params)
  scope(() => {
    const output = () => [leaf(ops.randn([6, 4])), leaf(ops.randn([6, 5]))]
    a.call(output())
    a.call(output())
    b.loadStateDict(a.stateDict())
    const next = output()
    t.is(a.call(next).item(), b.call(next).item())
  })
})
