import test from 'ava'
import { manualSeed, ops, scope, tensor } from '../../ts/engine/index.ts'
import { embeddingStatistics } from '../../ts/eval/embedding-statistics.ts'

const near = (t: { true(value: boolean, message?: string): void }, got: number | undefined, wanted: number) =>
  t.true(got !== undefined && Math.abs(got - wanted) < 1e-6, `${got} is not ${wanted}`)

test('an orthonormal basis uses every dimension', (t) => {
  scope(() => {
    const { rank, rankLimit, spread, uniformity } = embeddingStatistics(ops.eye(4))
    // Four equal singular values: entropy ln 4, each share raised by 1e-7.
    near(t, rank, Math.exp(-4 * (0.25 + 1e-7) * Math.log(0.25 + 1e-7)))
    t.is(rankLimit, 4)
    // Each coordinate is 1 once and 0 three times: deviation √(3/16).
    near(t, spread, Math.sqrt(3 / 16) * 2)
    // All pairs are √2 apart.
    near(t, uniformity, -4)
  })
})

test('the rank follows the singular values, from either side of the matrix', (t) => {
  scope(() => {
    // Singular values 3 and 1.
    const shares = [0.75 + 1e-7, 0.25 + 1e-7]
    const expected = Math.exp(-shares.reduce((sum, share) => sum + share * Math.log(share), 0))
    near(
      t,
      embeddingStatistics(
        tensor([
          [3, 0, 0],
          [0, 1, 0],
        ]),
      ).rank,
      expected,
    )
    const tall = embeddingStatistics(
      tensor([
        [3, 0],
        [0, 1],
        [0, 0],
        [0, 0],
      ]),
    ).rank
    near(t, tall, expected)
  })
})

test('equal embeddings are a collapse, opposite views are far apart', (t) => {
  scope(() => {
    const same = embeddingStatistics(ops.ones([8, 4]))
    near(t, same.spread, 0)
    near(t, same.uniformity, 0)
    t.true(same.rank < 1.01)
    const views = tensor([
      [1, 0],
      [0, 2],
    ])
    near(t, embeddingStatistics(views, views.mul(5)).alignment, 0)
    near(t, embeddingStatistics(views, views.neg()).alignment, 4)
  })
})

test('random embeddings spread evenly, and measuring draws no random numbers', (t) => {
  scope(() => {
    manualSeed(1)
    const embeddings = ops.randn([256, 32])
    const next = ops.randn([1]).item()
    manualSeed(1)
    ops.randn([256, 32])
    const { spread, rank } = embeddingStatistics(embeddings)
    t.is(ops.randn([1]).item(), next)
    t.true(Math.abs(spread - 1) < 0.02)
    t.true(rank > 29 && rank <= 32)
  })
})

test('numbers that are not finite are no error', (t) => {
  scope(() => {
    const { rank, spread } = embeddingStatistics(
      tensor([
        [Number.NaN, 1],
        [1, 0],
      ]),
    )
    t.true(Number.isNaN(rank) && Number.isNaN(spread))
    t.is(embeddingStatistics(ops.zeros([2, 3])).rank, 0)
  })
})
