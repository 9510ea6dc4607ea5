import { readFileSync } from 'node:fs'
import test from 'ava'
import { manualSeed, ops, scope } from '../../ts/engine/index.ts'
import { sinkhorn } from '../../ts/losses/sinkhorn.ts'
import { codes } from '../../ts/losses/swav-codes.ts'
import { load, readNpz } from '../nn/npz.ts'
import { distance, flat } from '../nn/numbers.ts'

interface Row {
  readonly case: string
  readonly num_iters: number
}
const rows: Row[] = JSON.parse(
  readFileSync(new URL('../golden/losses/sinkhorn.json', import.meta.url), 'utf8'),
)
const arrays = readNpz('losses/sinkhorn.npz')

for (const { case: name, num_iters } of rows) {
  test(`golden ${name}`, (t) => {
    scope(() => {
      const result = sinkhorn(load(arrays, `${name}/Q_in`), num_iters)
      const expected = arrays.get(`${name}/out`)!
      t.deepEqual(result.shape, expected.shape)
      t.is(result.dtype, 'float32')
      const got = flat(result)
      const wanted = Array.from(expected.data, Number)
      if (wanted.every(Number.isNaN)) t.true(got.every(Number.isNaN))
      else t.true(distance(got, wanted) < 2e-6, `${distance(got, wanted)}`)
    })
  })
}

test('columns become distributions, rows become equal, and the input stays as it is', (t) => {
  manualSeed(1)
  scope(() => {
    const input = ops.rand([4, 12], { dtype: 'float64' })
    const before = flat(input)
    const result = sinkhorn(input, 100).to('float64')
    t.true(flat(result.sum([1])).every((sum) => Math.abs(sum - 1) < 1e-6))
    t.true(flat(result.sum([0])).every((sum) => Math.abs(sum - 3) < 1e-5))
    t.deepEqual(flat(input), before)
  })
})

test('the order of samples and prototypes does not matter, nor does a factor', (t) => {
  manualSeed(2)
  scope(() => {
    const input = ops.rand([4, 6], { dtype: 'float64' })
    const expected = flat(sinkhorn(input, 3))
    const back = flat(sinkhorn(input.flip([0, 1]).mul(1e6), 3).flip([0, 1]))
    t.true(distance(back, expected) < 1e-6)
  })
})

test('codes of queued samples count and are cut off; hard codes choose one', (t) => {
  manualSeed(3)
  scope(() => {
    const scores = ops.randn([3, 5])
    const queued = ops.randn([7, 5])
    const options = { epsilon: 0.2, iterations: 3 }
    const all = codes(ops.cat([scores, queued]), undefined, options)
    const own = codes(scores, queued, options)
    t.true(distance(flat(own), flat(all.narrow(0, 0, 3))) < 1e-6)
    const hard = codes(scores, queued, { ...options, hard: true })
    t.deepEqual(flat(hard.sum([1])), [1, 1, 1])
    t.deepEqual(flat(hard.argmax(1)), flat(own.argmax(1)))
    const double = codes(scores, undefined, { ...options, double: true })
    t.true(distance(flat(codes(scores, undefined, options)), flat(double)) < 1e-5)
  })
})
