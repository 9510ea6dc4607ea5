import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import test from 'ava'
import { VisslError } from '../../ts/errors.ts'
import { LearningRates } from '../../ts/optim/learning-rates.ts'
import { buildScheduler, type ScheduleParams, schedulers } from '../../ts/optim/schedules/index.ts'

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
