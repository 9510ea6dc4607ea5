import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { chromeTrace, summaryOf } from '../../ts/hooks/profile.ts'
import type { Span } from '../../ts/train/timers.ts'
import { runTiny } from '../train/_run.ts'

const spans: Span[] = [
  { name: 'read_sample', kind: 'step', start: 0, end: 2 },
  { name: 'forward', kind: 'step', start: 2, end: 8 },
  { name: 'train_step_total', kind: 'step', start: 0, end: 10 },
  { name: 'progress onStep', kind: 'hook', start: 10, end: 11 },
  { name: 'forward', kind: 'step', start: 12, end: 16 },
  { name: 'train_step_total', kind: 'step', start: 11, end: 21 },
]

test('the summary names what takes most of a step', (t) => {
  t.deepEqual(summaryOf(spans).split('\n'), [
    'profile of 2 steps, 10.0 ms each',
    '    forward               5.00 ms  50.0 %',
    '    read_sample           1.00 ms  10.0 %',
    '    hook progress onStep  0.50 ms   5.0 %',
  ])
  t.regex(summaryOf([]), /ended before/)
})

test('the trace is Chrome’s', (t) => {
  const { traceEvents } = JSON.parse(chromeTrace(spans)) as { traceEvents: Record<string, unknown>[] }
  const [forward] = traceEvents.filter(({ name }) => name === 'forward')
  t.like(forward, { ph: 'X', cat: 'step', ts: 2000, dur: 6000, tid: 1 })
  const titles = traceEvents.filter(({ ph }) => ph === 'M').map(({ args }) => (args as { name: string }).name)
  t.deepEqual(titles, ['train step', 'hooks', 'loader', 'operators'])
})

test.serial('a run with --profile leaves a trace and a summary, of as many steps as there are', async (t) => {
  const cwd = mkdtempSync(join(tmpdir(), 'vissl-profile-'))
  t.teardown(() => rmSync(cwd, { recursive: true, force: true }))
  for (const [steps, recorded] of [
    [3, 3],
    [100, 6],
  ] as const) {
    const printed = await runTiny(cwd, { profile: steps })
    t.regex(printed, new RegExp(`profile of ${recorded} steps, [\\d.]+ ms each`))
    t.regex(printed, /backward +[\d.]+ ms +[\d.]+ %/)
    const path = /trace: (\S+profile\.json)/.exec(printed)![1]!
    const { traceEvents } = JSON.parse(readFileSync(path, 'utf8')) as { traceEvents: { name: string }[] }
    t.is(traceEvents.filter(({ name }) => name === 'optimizer_step').length, recorded)
    t.true(traceEvents.some(({ name }) => name === 'progress onStep'))
  }
})
