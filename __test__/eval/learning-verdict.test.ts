import test from 'ava'
import { describeHealth, judge, type LearningState } from '../../ts/eval/learning-verdict.ts'

const even = { spread: 0.9, rank: 41, rankLimit: 128, uniformity: -3, alignment: 0.3 }
const falling = Array.from({ length: 100 }, (_, i) => 5 - i / 100)

const healthy: LearningState = {
  now: even,
  first: even,
  recent: falling,
  firstLoss: 5,
  lr: 0.1,
  restingSteps: 0,
  dataWait: 0.02,
  workers: 2,
  cores: 8,
}

const found = (change: Partial<LearningState>) => judge({ ...healthy, ...change })

test('nothing is wrong with a healthy run', (t) => {
  t.deepEqual(judge(healthy), [])
  t.deepEqual(found({ now: undefined, first: undefined, firstLoss: undefined, recent: [] }), [])
  t.is(
    describeHealth(even, true),
    '↑ learning: the loss falls, embeddings spread well (rank 41 of 128, spread 0.9), no sign of collapse',
  )
})

test('each kind of trouble is called by its name, with a next step', (t) => {
  const cases: [Partial<LearningState>, string, RegExp, RegExp][] = [
    [
      { now: { ...even, spread: 0.003 } },
      'collapse',
      /same embedding \(spread 0\.003/,
      /lower the learning rate/,
    ],
    [{ now: { ...even, spread: Number.NaN } }, 'collapse', /spread NaN/, /learning rate/],
    [{ now: { ...even, rank: 1.4 } }, 'few dimensions', /use 1\.4 of 128 dimensions, at first 41/, /batch/],
    [
      { recent: falling.map((loss) => loss * 3) },
      'divergence',
      /the loss grows: 12\.\d, at first 5/,
      /\(now 0\.1\)/,
    ],
    [
      { recent: falling.map(() => 4.1588831) },
      'dead loss',
      /does not move: 4\.15888 for 100 steps/,
      /targets/,
    ],
    [{ restingSteps: 30 }, 'dead loss', /learning rate has been 0 for 30 steps/, /param_schedulers/],
    [{ dataWait: 0.5 }, 'slow loader', /50 % of the time/, /NUM_DATALOADER_WORKERS=4 \(now 2\)/],
    [{ dataWait: 0.5, workers: 8 }, 'slow loader', /50 %/, /smaller images/],
  ]
  for (const [change, kind, message, advice] of cases) {
    const findings = found(change)
    t.deepEqual(
      findings.map((finding) => finding.kind),
      [kind],
    )
    t.regex(findings[0]!.message, message)
    t.regex(findings[0]!.advice, advice)
  }
})

test('a low rank is no trouble where it was low from the start', (t) => {
  const low = { ...even, rank: 1.4 }
  t.deepEqual(found({ now: low, first: low }), [])
})

test('embeddings that are alike from the start get some steps to spread', (t) => {
  const alike = { ...even, spread: 0.03 }
  t.deepEqual(found({ now: alike, first: alike, recent: falling.slice(0, 50) }), [])
  t.is(found({ now: alike, first: alike })[0]?.kind, 'collapse')
  t.is(found({ now: { ...even, spread: 0.01 }, first: alike, recent: [] })[0]?.kind, 'collapse')
})

test('few steps are judged by nobody', (t) => {
  t.deepEqual(found({ recent: [50, 50, 50], dataWait: 0.9 }), [])
})
