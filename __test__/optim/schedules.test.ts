import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import test from 'ava'
import { VisslError } from '../../ts/errors.ts'
import { LearningRates } from '../../ts/optim/learning-rates.ts'
import {
  buildScheduler,
  type ScheduleParams,
  sampleSchedule,
  schedulers,
} from '../../ts/optim/schedules/index.ts'

interface Values {
  values: number[]
  update_interval: string
  at_where_1: number | string
}
interface Trace {
  iters_per_epoch: number
  initial_lr: [number, number]
  lr: number[]
  lr_head: number[] | string
}
interface Row {
  case?: string
  config?: ScheduleParams
  num_epochs?: number
  build_error?: { message: string }
  overrides?: string[]
  optimizer_after_inference?: {
    num_epochs: number
    param_schedulers: { lr: ScheduleParams; lr_head: ScheduleParams }
  }
  lr?: Values
  lr_head?: Values | string
  trace?: Trace
}

function read(name: string): Row[] {
  const bytes = readFileSync(new URL(`../golden/schedules/${name}.jsonl.gz`, import.meta.url))
  return gunzipSync(bytes)
    .toString()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Row)
}

function close(a: number, b: number): boolean {
  return Math.abs(a - b) <= 1e-12 + 1e-9 * Math.abs(b)
}

for (const row of [...read('synthetic'), ...read('from_configs')]) {
  const name = row.case ?? row.overrides!.join(' ')
  const epochs = row.num_epochs ?? row.optimizer_after_inference!.num_epochs
  const config = row.config ?? row.optimizer_after_inference!.param_schedulers.lr
  const headConfig = row.config ?? row.optimizer_after_inference!.param_schedulers.lr_head
  if (row.build_error) {
    test(`${name} is refused`, (t) => {
      t.throws(() => buildScheduler(config, epochs), { instanceOf: VisslError })
    })
    continue
  }
  test(name, (t) => {
    const check = (values: Values, schedule: { updateInterval: string; at(where: number): number }) => {
      t.is(schedule.updateInterval, values.update_interval)
      const wrong = values.values.findIndex((value, i) => !close(schedule.at(i / 200), value))
      t.is(
        wrong,
        -1,
        `at ${wrong / 200}: ${wrong >= 0 ? `${schedule.at(wrong / 200)}, not ${values.values[wrong]}` : ''}`,
      )
      if (typeof values.at_where_1 === 'number') t.true(close(schedule.at(1), values.at_where_1))
      else if (values.at_where_1 !== undefined) t.throws(() => schedule.at(1), { instanceOf: VisslError })
    }
    const lr = buildScheduler(config, epochs)
    const head = buildScheduler(headConfig, epochs)
    if (row.lr) check(row.lr, lr)
    if (row.lr_head && typeof row.lr_head !== 'string') check(row.lr_head, head)
    if (!row.trace) return
    const groups = [
      { lr: 0, schedule: 'lr' as const },
      { lr: 0, schedule: 'lr_head' as const },
    ]
    const rates = new LearningRates(groups, { lr, lr_head: head })
    t.true(close(groups[0]!.lr, row.trace.initial_lr[0]))
    t.true(close(groups[1]!.lr, row.trace.initial_lr[1]))
    const steps = row.trace.iters_per_epoch * epochs
    const trace: number[] = []
    const traceHead: number[] = []
    for (let step = 0; step < steps; step++) {
      if (step % row.trace.iters_per_epoch === 0) rates.beforeEpoch(step / steps)
      rates.beforeStep(step / steps)
      trace.push(groups[0]!.lr)
      traceHead.push(groups[1]!.lr)
    }
    const sampled = sampleSchedule(config, epochs, row.trace.iters_per_epoch)
    t.deepEqual(
      sampled.map(({ value }) => value),
      trace,
    )
    const wrong = row.trace.lr.findIndex((value, i) => !close(trace[i]!, value))
    t.is(wrong, -1, `step ${wrong}: ${trace[wrong]}, not ${row.trace.lr[wrong]}`)
    if (Array.isArray(row.trace.lr_head)) {
      t.is(
        row.trace.lr_head.findIndex((value, i) => !close(traceHead[i]!, value)),
        -1,
      )
    }
  })
}

test('an unknown name lists the choices', (t) => {
  const error = t.throws(() => buildScheduler({ name: 'cosin' }, 10), { instanceOf: VisslError })
  t.regex(error.message, /did you mean cosine/)
  t.true(schedulers.names().includes('polynomial'))
})

test('polynomial falls from the base value to zero', (t) => {
  const schedule = buildScheduler({ name: 'polynomial', base_value: 2, power: 2 }, 10)
  t.deepEqual(
    [0, 0.5, 1].map((where) => schedule.at(where)),
    [2, 0.5, 0],
  )
})

test('a few points stand for many steps, the first and the last among them', (t) => {
  const linear = { name: 'linear', start_value: 0, end_value: 1 }
  t.deepEqual(sampleSchedule(linear, 10, 100, 3), [
    { step: 0, epoch: 0, value: 0 },
    { step: 500, epoch: 5, value: 0.5 },
    { step: 999, epoch: 9.99, value: 0.999 },
  ])
  const byEpoch = sampleSchedule({ ...linear, update_interval: 'epoch' }, 4, 25, 4)
  t.deepEqual(
    byEpoch.map(({ value }) => value),
    [0, 0.25, 0.5, 0.75],
  )
  t.is(sampleSchedule(linear, 1, 1).length, 1)
  t.throws(() => sampleSchedule(linear, 0, 10), { instanceOf: VisslError })
  t.throws(() => sampleSchedule(linear, 1, 2.5), { instanceOf: VisslError })
  t.throws(() => sampleSchedule(linear, 1, 2, Number.NaN), { instanceOf: VisslError })
})

test('a part of length 0 never runs', (t) => {
  const constant = (value: number) => ({ name: 'constant', value })
  const lengths = (...shares: number[]) =>
    buildScheduler(
      {
        name: 'composite',
        schedulers: shares.map((_, i) => constant(i)),
        lengths: shares,
        interval_scaling: shares.map(() => 'rescaled'),
      },
      10,
    )
  t.deepEqual(
    [0, 0.5, 0.9999999].map((where) => lengths(0, 1, 0).at(where)),
    [1, 1, 1],
  )
  t.deepEqual(
    [0, 0.4, 0.5, 0.9999999].map((where) => lengths(0.5, 0, 0.5).at(where)),
    [0, 0, 2, 2],
  )
})

test('schedules load without libtorch', (t) => {
  const schedules = new URL('../../ts/optim/schedules/index.ts', import.meta.url).href
  const script = `await import('${schedules}')
    const loaded = process.report.getReport().sharedObjects.filter((path) => /torch/.test(path))
    if (loaded.length > 0) throw new Error(loaded.join())`
  const result = spawnSync(
    process.execPath,
    ['--import=@oxc-node/core/register', '--input-type=module', '-e', script],
    { encoding: 'utf8' },
  )
  t.is(result.status, 0, result.stderr)
})
