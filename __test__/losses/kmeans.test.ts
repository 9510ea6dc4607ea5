import test from 'ava'
import { manualSeed, ops, scope, stats, tensor } from '../../ts/engine/index.ts'
import { VisslError } from '../../ts/errors.ts'
import { assignerFor } from '../../ts/losses/assigner.ts'
import { kmeans } from '../../ts/losses/index.ts'
import { functional } from '../../ts/nn/index.ts'
import { close } from './_golden.ts'

type Points = number[][]

const dot = (a: number[], b: number[]) => a.reduce((sum, v, i) => sum + v * b[i]!, 0)

/** Nearest centroids and the sum of distances, point by point. */
function plainAssign(points: Points, centroids: Points, cosine: boolean): { nearest: number[]; sum: number } {
  let sum = 0
  const nearest = points.map((point) => {
    const distances = centroids.map((c) =>
      cosine ? 1 - dot(point, c) : dot(point, point) - 2 * dot(point, c) + dot(c, c),
    )
    const best = distances.indexOf(Math.min(...distances))
    sum += distances[best]!
    return best
  })
  return { nearest, sum }
}

function plainKmeans(points: Points, start: Points, iterations: number, cosine: boolean) {
  let centroids = start
  for (let i = 0; i < iterations; i++) {
    const { nearest } = plainAssign(points, centroids, cosine)
    centroids = centroids.map((old, k) => {
      const own = points.filter((_, n) => nearest[n] === k)
      const mean = own.length === 0 ? old : old.map((_, d) => own.reduce((s, p) => s + p[d]!, 0) / own.length)
      return cosine ? mean.map((v) => v / Math.hypot(...mean)) : mean
    })
  }
  return { centroids, ...plainAssign(points, centroids, cosine) }
}

for (const metric of ['euclidean', 'cosine'] as const) {
  test(`${metric} k-means equals a restatement`, (t) => {
    scope(() => {
      manualSeed(1)
      const raw = ops.randn([60, 3], { dtype: 'float64' })
      const points = metric === 'cosine' ? functional.normalize(raw) : raw
      manualSeed(7)
      const rows = ops.randperm(60).narrow(0, 0, 8)
      const start = points.index_select(0, rows).toArray() as Points
      for (const iterations of [0, 1, 4]) {
        manualSeed(7)
        const got = kmeans(points, { clusters: 8, iterations, metric })
        const expected = plainKmeans(points.toArray() as Points, start, iterations, metric === 'cosine')
        t.deepEqual(got.assignments.toArray(), expected.nearest)
        t.true(close(got.objective, expected.sum / 60, 1e-12))
        const centroids = (got.centroids.toArray() as Points).flat()
        t.true(centroids.every((v, i) => close(v, expected.centroids.flat()[i]!, 1e-12)))
      }
    })
  })
}

test('the objective never rises, and restarts never make it worse', (t) => {
  scope(() => {
    const points = ops.randn([200, 2])
    let last = Number.POSITIVE_INFINITY
    for (const iterations of [0, 1, 2, 5, 20]) {
      manualSeed(2)
      const { objective } = kmeans(points, { clusters: 10, iterations })
      t.true(objective <= last + 1e-6)
      last = objective
    }
    manualSeed(2)
    t.true(kmeans(points, { clusters: 10, iterations: 20, restarts: 4 }).objective <= last + 1e-6)
  })
})

test('empty clusters keep their centroid, or take half of the largest cluster', (t) => {
  scope(() => {
    const points = ops.cat([ops.zeros([30, 2]), ops.ones([2, 2])])
    manualSeed(3)
    const kept = kmeans(points, { clusters: 6, iterations: 5 })
    t.true(kept.centroids.isfinite().all().item() !== 0)
    const spread = ops.randn([30, 2]).mul(0.1)
    const far = ops.cat([spread, ops.full([3, 2], 50)])
    manualSeed(4)
    const used = (empty: 'keep' | 'split') => {
      manualSeed(5)
      const { assignments } = kmeans(ops.cat([far, far.narrow(0, 30, 3)]), {
        clusters: 9,
        iterations: 10,
        empty,
      })
      return new Set(assignments.toArray() as number[]).size
    }
    t.true(used('split') >= used('keep'))
  })
})

for (const dtype of ['float32', 'float64'] as const) {
  test(`many points are assigned in pieces: ${dtype}`, (t) => {
    scope(() => {
      manualSeed(6)
      const points = ops.randn([9000, 2], { dtype })
      const centroids = ops.randn([1000, 2], { dtype })
      const { assignments, score } = assignerFor(points, 'euclidean').assign(centroids)
      const distances = ops.cdist(points, centroids)
      t.true(assignments.eq(distances.argmin(1)).to('float32').mean().item() > 0.999)
      const squares = distances.amin([1]).pow(2).sum({ dtype: 'float64' }).item()
      t.true(close(points.pow(2).sum({ dtype: 'float64' }).item() - 2 * score, squares, 1e-5))
    })
  })
}

for (const metric of ['euclidean', 'cosine'] as const) {
  test(`${metric} k-means of float32 and float64 agree`, (t) => {
    scope(() => {
      manualSeed(8)
      const corners = ops.randn([12, 16]).mul(4)
      const raw = corners.repeat([30, 1]).add(ops.randn([360, 16]))
      const points = metric === 'cosine' ? functional.normalize(raw) : raw
      const run = (dtype: 'float32' | 'float64') => {
        manualSeed(9)
        return kmeans(points.to(dtype), { clusters: 12, iterations: 6, metric, empty: 'split', restarts: 2 })
      }
      const [narrow, wide] = [run('float32'), run('float64')]
      t.deepEqual(narrow.assignments.toArray(), wide.assignments.toArray())
      t.true(close(narrow.objective, wide.objective, 1e-5))
    })
  })
}

test('more clusters than points are refused; nothing is left behind', (t) => {
  scope(() => {
    const points = tensor([[1, 2]])
    t.throws(() => kmeans(points, { clusters: 2, iterations: 1 }), { instanceOf: VisslError })
    const before = stats().tensors
    const result = kmeans(ops.randn([20, 2]), { clusters: 4, iterations: 3, restarts: 3 })
    result.centroids.free()
    result.assignments.free()
    t.true(stats().tensors <= before + 1)
  })
})
