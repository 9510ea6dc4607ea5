import { readFileSync } from 'node:fs'
import test from 'ava'
import { scope, stats, tensor } from '../../ts/engine/index.ts'
import { ExitCode, type VisslError } from '../../ts/errors.ts'
import { type KnnOptions, knnClassify, type LabelledFeatures } from '../../ts/eval/knn.ts'
import { type NpyArray, readNpz } from '../nn/npz.ts'

interface Case {
  case: string
  TOPK: number
  SIGMA: number
  L2_NORM_FEATS: boolean
  top1?: number
  top5?: number
  error?: { type: string }
}

/** Features as rows of numbers. */
interface Side {
  rows: number[][]
  labels: number[]
}

const golden = new URL('../golden/benchmarks/knn.json', import.meta.url)
const cases = JSON.parse(readFileSync(golden, 'utf8')) as Case[]

function sideOf(arrays: Map<string, NpyArray>, name: string): Side {
  const { shape, data } = arrays.get(`${name}_features`)!
  const values = Array.from(data as Float32Array)
  const [count = 0, width = 0] = shape
  const labels = Array.from(arrays.get(`${name}_labels`)!.data as BigInt64Array, Number)
  return { rows: Array.from({ length: count }, (_, i) => values.slice(i * width, (i + 1) * width)), labels }
}

const toTensors = ({ rows, labels }: Side): LabelledFeatures => ({
  features: tensor(rows),
  labels: tensor(labels, { dtype: 'int64' }),
})

const classify = (train: Side, test: Side, options: KnnOptions) =>
  scope(() => knnClassify(toTensors(train), toTensors(test), options))

/** The definition, in loops and double precision. */
function bruteForce(train: Side, test: Side, { k, sigma, normalize }: KnnOptions) {
  const unit = (row: number[]) => (normalize ? row.map((x) => x / Math.hypot(...row)) : row)
  const bank = train.rows.map(unit)
  const hits = [0, 0]
  for (const [i, row] of test.rows.entries()) {
    const query = unit(row)
    const nearest = bank
      .map((other, j) => ({
        label: train.labels[j]!,
        near: other.reduce((sum, x, d) => sum + x * query[d]!, 0),
      }))
      .sort((a, b) => b.near - a.near)
      .slice(0, k)
    const votes = new Map<number, number>()
    for (const { label, near } of nearest)
      votes.set(label, (votes.get(label) ?? 0) + Math.exp((near - nearest[0]!.near) / sigma))
    const ranked = [...votes].sort(([, a], [, b]) => b - a).map(([label]) => label)
    if (ranked[0] === test.labels[i]) hits[0]!++
    if (ranked.slice(0, 5).includes(test.labels[i]!)) hits[1]!++
  }
  return { top1: (100 * hits[0]!) / test.rows.length, top5: (100 * hits[1]!) / test.rows.length }
}

/** Points on noisy circles, one class each, from a small linear congruential generator. */
function clusters(count: number, classes: number, width: number, seed: number): Side {
  let state = seed
  const uniform = () => {
    state = (state * 1664525 + 1013904223) % 2 ** 32
    return state / 2 ** 32
  }
  const labels = Array.from({ length: count }, () => Math.floor(uniform() * classes))
  const rows = labels.map((label) =>
    Array.from({ length: width }, (_, d) => Math.sin(label * (d + 2)) + 2.5 * (uniform() - 0.5)),
  )
  return { rows, labels }
}

const near = (t: { true(value: boolean, message: string): void }, got: number, wanted: number) =>
  t.true(Math.abs(got - wanted) < 1e-9, `${got} instead of ${wanted}`)

for (const { case: name, TOPK, SIGMA, L2_NORM_FEATS, top1, top5 } of cases) {
  test(`VISSL's case ${name}`, (t) => {
    const arrays = readNpz('benchmarks/arrays.npz')
    const [train, tests] = [sideOf(arrays, `${name}/train`), sideOf(arrays, `${name}/test`)]
    const options = { k: TOPK, sigma: SIGMA, normalize: L2_NORM_FEATS }
    const result = classify(train, tests, options)
    if (top1 === undefined) {
      // VISSL fails for fewer than 100 tests; the definition still says what is right. Classes without a vote are
      // tied, so that one of them may be among the first five.
      const wanted = bruteForce(train, tests, options)
      near(t, result.top1, wanted.top1)
      t.true(result.top5 >= wanted.top5)
    } else {
      near(t, result.top1, top1)
      near(t, result.top5, top5!)
    }
    t.is(result.total, tests.rows.length)
  })
}

test('equals the definition for any k, sigma and normalisation', (t) => {
  const [train, tests] = [clusters(90, 9, 5, 1), clusters(70, 9, 5, 2)]
  for (const k of [1, 3, 20, 90])
    for (const normalize of [true, false])
      for (const sigma of [0.07, 1]) {
        const options = { k, sigma, normalize }
        const result = classify(train, tests, options)
        const wanted = bruteForce(train, tests, options)
        near(t, result.top1, wanted.top1)
        // With few neighbours the classes without a vote are tied, so only voted ranks are defined.
        if (k >= 20) near(t, result.top5, wanted.top5)
      }
})

test('more neighbours than training images are all of them', (t) => {
  const [train, tests] = [clusters(12, 3, 4, 3), clusters(20, 3, 4, 4)]
  const options = { sigma: 0.1, normalize: true }
  t.deepEqual(classify(train, tests, { k: 500, ...options }), classify(train, tests, { k: 12, ...options }))
})

test('fewer than five classes, a class that only tests have, and votes that would overflow', (t) => {
  const train = {
    rows: [
      [1, 0],
      [0, 1],
    ],
    labels: [0, 1],
  }
  const tests = {
    rows: [
      [1, 0],
      [0, 1],
      [1, 1],
    ],
    labels: [0, 1, 2],
  }
  const { top1, top5 } = classify(train, tests, { k: 2, sigma: 0.1, normalize: true })
  near(t, top1, 200 / 3)
  near(t, top5, 100)
  const far = {
    rows: [
      [1e3, 0],
      [0, 1e3],
    ],
    labels: [0, 1],
  }
  near(
    t,
    classify(far, { rows: far.rows, labels: [0, 1] }, { k: 2, sigma: 0.01, normalize: false }).top1,
    100,
  )
})

test('sides that do not fit', (t) => {
  const options = { k: 1, sigma: 0.1, normalize: true }
  const widths = t.throws<VisslError>(() =>
    classify({ rows: [[1, 2]], labels: [0] }, { rows: [[1, 2, 3]], labels: [0] }, options),
  )
  t.regex(widths!.message, /width 2 .* width 3/)
  const empty = scope(() => {
    const side = toTensors({ rows: [[1, 2]], labels: [0] })
    const none = { features: side.features.slice(0, 0, 0), labels: side.labels.slice(0, 0, 0) }
    return t.throws<VisslError>(() => knnClassify(side, none, options))
  })
  t.is(empty!.exitCode, ExitCode.data)
})

test('no tensor is left', (t) => {
  const before = stats().tensors
  classify(clusters(9, 3, 4, 5), clusters(9, 3, 4, 6), { k: 3, sigma: 0.1, normalize: true })
  t.is(stats().tensors, before)
})
