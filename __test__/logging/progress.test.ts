import test from 'ava'
import {
  ConsoleLog,
  isLineDue,
  type Log,
  Progress,
  progressLine,
  progressRecord,
  type StepReport,
} from '../../ts/logging/index.ts'
import { Capture } from './output.ts'

const report = (iteration: number, more: Partial<StepReport> = {}): StepReport => ({
  epoch: 1,
  epochs: 3,
  step: iteration,
  stepsPerEpoch: 100,
  iteration,
  maxIteration: 300,
  loss: 4.7123456,
  lr: [0.21],
  images: 256,
  stepTime: 0.4,
  dataTime: 0.008,
  meanTime: 0.4,
  ...more,
})

test('lines are due at the first, at every n-th, and at every fifth to 100', (t) => {
  const due = Array.from({ length: 130 }, (_, i) => i + 1).filter((i) => isLineDue(i, 30))
  t.deepEqual(due, [1, ...Array.from({ length: 20 }, (_, i) => 5 * (i + 1)), 120])
})

test('the line is the reference’s', (t) => {
  t.is(
    progressLine(report(10)),
    'Rank: 0; [ep: 1] iter: 10; lr: 0.21; loss: 4.71235; btime(ms): 400; eta: 0:01:56; peak_mem: -1M',
  )
  t.is(
    progressLine(
      report(10, {
        lr: [0.1, 0.1, 0.01],
        rank: 2,
        peakMemory: 1024.7,
        meanTime: 400,
        rolling: { count: 5, meanTime: 0.5 },
      }),
    ),
    'Rank: 2; [ep: 1] iter: 10; lr: [0.1, 0.01]; loss: 4.71235; btime(ms): 400000; eta: 1 day, 8:13:20; ' +
      'peak_mem: 1024M; btime(5iters): 500 ms; rolling_eta: 0:02:25',
  )
})

test('without a terminal, lines come now and then, and all of them are logged', (t) => {
  const output = new Capture()
  const logged: string[] = []
  const log: Log = { info: (line) => logged.push(line), warn: () => {}, error: () => {} }
  const progress = new Progress({ output, log, frequency: 10, env: {} })
  for (let i = 1; i <= 10; i++) progress.step(report(i))
  progress.status('not shown')
  progress.clear()
  t.deepEqual(output.text.trim().split('\n'), logged)
  t.is(logged.length, 3)
  t.true(Math.abs(progress.imagesPerSecond - 640) < 1e-9)
  t.true(Math.abs(progress.dataWait - 0.02) < 1e-12)
})

test('on a terminal one line is drawn anew', (t) => {
  const output = new Capture(true)
  let time = 0
  const progress = new Progress({ output, frequency: 10, env: { NO_COLOR: '1' }, now: () => time })
  progress.step(report(68))
  const [, line = ''] = output.text.split('\u001b[2K')
  t.is(
    line,
    '  epoch 2/3  █████████████▋        68 %  loss 4.71  lr 0.21  640 img/s  data wait 2 %  ETA 1:33',
  )
  const before = output.text
  time = 50
  progress.step(report(69))
  t.is(output.text, before)
  time = 150
  progress.step(report(70))
  t.true(output.text.length > before.length)
  progress.print('above')
  t.true(output.text.endsWith('\r\u001b[2Kabove\n'))
  progress.status('kNN')
  t.true(output.text.endsWith('\r\u001b[2K  kNN'))
  progress.clear()
  t.true(output.text.endsWith('\r\u001b[2K'))
})

test('the line never wraps', (t) => {
  const output = new Capture(true, 40)
  new Progress({ output, frequency: 10, env: { NO_COLOR: '1' }, now: () => 0 }).step(report(1))
  t.true((output.text.split('\u001b[2K')[1] ?? '').length <= 40)
})

test('messages stand above the line', (t) => {
  const output = new Capture(true)
  const progress = new Progress({ output, frequency: 10, env: { NO_COLOR: '1' }, now: () => 0 })
  progress.step(report(1))
  progress.above(new ConsoleLog(output, { NO_COLOR: '1' })).warn('look')
  t.true(output.text.endsWith('\r\u001b[2K! look\n'))
})

test('a line as stdout.json holds it', (t) => {
  t.deepEqual(progressRecord(report(1, { lr: [0.1, 0.01], rolling: { count: 5, meanTime: 0.5 } })), {
    Rank: 0,
    ep: 1,
    iter: 1,
    lr: [0.1, 0.01],
    loss: 4.71235,
    'btime(ms)': 400,
    eta: '0:01:59',
    'peak_mem(M)': -1,
    max_iterations: 300,
    'btime(5iters)(ms)': 500,
    rolling_eta: '0:02:29',
  })
})
