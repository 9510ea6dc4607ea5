import test from 'ava'
import { manualSeed, noGrad, ops, scope, tensor } from '../../ts/engine/index.ts'
import { VisslError } from '../../ts/errors.ts'
import { buildLoss, type DeepClusterLoss } from '../../ts/losses/index.ts'
import { functional } from '../../ts/nn/index.ts'
import { load } from '../nn/npz.ts'
import { distance, flat } from '../nn/numbers.ts'
import { close, goldenOf, gradientError, leaf, lossOf } from './_golden.ts'

const key = 'deepclusterv2_loss'
const golden = goldenOf(key)
const { arrays } = golden

for (const [name, row] of golden.rows) {
  test(name, (t) => {
    using loss = lossOf<DeepClusterLoss>(row.config)
    scope(() => {
      const state = loss.stateDict()
      t.deepEqual(
        Object.fromEntries(Object.entries(state).map(([each, value]) => [each, value.shape])),
        row.state_dict,
      )
      noGrad(() => {
        for (const [each, value] of Object.entries(state))
          value.copy_(load(arrays, `${name}/buffer_init_${each}`))
      })
      const input = leaf(load(arrays, `${name}/input`))
      const value = loss.call(input, load(arrays, `${name}/idx`))
      value.backward()
      t.true(close(value.item(), Number(row.loss), 2e-6))
      t.true(distance(flat(input.grad!), arrays.get(`${name}/grad_input`)!.data) < 1e-5)
      for (const each of ['local_memory_embeddings', 'local_memory_index']) {
        t.true(distance(flat(state[each]!), arrays.get(`${name}/buffer_after_${each}`)!.data) < 1e-6, each)
      }
      t.is(loss.position, row.start_idx_after!)
    })
  })
}

const build = (params: object = {}) =>
  buildLoss({
    name: key,
    [key]: {
      num_train_samples: 8,
      BATCHSIZE_PER_REPLICA: 4,
      num_crops: 2,
      num_clusters: [3],
      memory_params: { embedding_dim: 4 },
      ...params,
    },
  }) as DeepClusterLoss

test('the gradient equals finite differences; images without a cluster do not count', (t) => {
  manualSeed(1)
  using loss = build({ num_clusters: [3, 2] })
  loss.to({ dtype: 'float64' })
  scope(() => {
    noGrad(() => loss.assignments.copy_(ops.randint(0, 2, [2, 8], { dtype: 'int64' })))
    const input = ops.randn([4, 4], { dtype: 'float64' })
    const target = tensor([1, 5, 1, 5], { dtype: 'int64' })
    const error = gradientError(
      (x) => {
        loss.position = 0
        return loss.call(x, target)
      },
      [input],
    )
    t.true(error < 1e-7)
    noGrad(() => loss.assignments.fill_(-100))
    loss.position = 0
    t.is(Math.abs(loss.call(input, target).item()), 0)
    noGrad(() => loss.call(input, target))
    t.is(loss.position, 2, 'a test leaves the memory alone')
  })
})

test('clustering finds the groups, gives every image its own and starts the memory anew', (t) => {
  manualSeed(2)
  using loss = build({ num_train_samples: 12, num_clusters: [3, 3], kmeans_iters: 10 })
  scope(() => {
    const centers = ops.eye(4).narrow(0, 0, 3)
    const group = (image: number) => image % 3
    const order = [5, 0, 11, 2, 9, 1, 3, 8, 4, 10, 7, 6]
    for (let at = 0; at < 12; at += 4) {
      const images = order.slice(at, at + 4)
      const rows = centers.index_select(0, tensor(images.map(group), { dtype: 'int64' }))
      const embeddings = functional.normalize(rows.add(ops.randn([4, 4]).mul(0.01)))
      loss.remember([embeddings], tensor(images, { dtype: 'int64' }))
    }
    t.throws(() => loss.remember([ops.ones([1, 4])], tensor([0], { dtype: 'int64' })), {
      message: /more than the 12/,
    })
    let separated = false
    // Points drawn at random may share a group; some draw does not.
    for (let seed = 0; seed < 20 && !separated; seed++) {
      manualSeed(seed)
      loss.cluster()
      const [clusters] = loss.assignments.toArray() as number[][]
      separated =
        new Set(clusters).size === 3 &&
        clusters!.every((cluster, image) => cluster === clusters![group(image)])
    }
    t.true(separated)
    t.is(loss.position, 0)
    const centroids = loss.stateDict().centroids0!
    t.true(flat(centroids.norm(2, [1])).every((norm) => close(norm, 1)))
  })
})

test('what does not fit is named', (t) => {
  t.throws(() => build({ num_clusters: [9] }), { message: /num_clusters is \[9\], and a process keeps 8/ })
  t.throws(() => build({ num_train_samples: 3 }), { message: /leave nothing to keep/ })
  t.throws(() => build({ memory_params: { crops_for_mb: [2], embedding_dim: 4 } }), {
    message: /crops_for_mb/,
  })
  t.throws(() => build({ num_train_samples: -1 }), { instanceOf: VisslError })
  using loss = build()
  const context = { batchSize: 4, worldSize: 1, samples: 8, crops: 3, dropLast: true, labels: false }
  t.throws(() => loss.check!(context), { message: /num_crops is 2, and the transforms make 3/ })
  scope(() => {
    const output = ops.randn([4, 4])
    t.throws(() => loss.call(output, tensor([0, 1], { dtype: 'int64' })), {
      message: /4 embeddings and 2 indices/,
    })
    t.throws(() => loss.call(output, tensor([0, 8, 0, 8], { dtype: 'int64' })), { message: /a target is 8/ })
    t.throws(() => loss.call(output), { message: /needs labels/ })
  })
})
