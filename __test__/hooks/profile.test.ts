import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import type { LoaderTrace } from '../../ts/data/index.ts'
import type { OperatorSpan } from '../../ts/engine/index.ts'
import { chromeTrace, summaryOf } from '../../ts/hooks/profile.ts'
import type { Span } from '../../ts/train/timers.ts'
import { runTiny } from '../train/_run.ts'

interface TraceEvent {
  name: string
  ph: string
  cat?: string
  tid: number
  ts: number
  dur: number
  args?: { name: string }
}

const spans: Span[] = [
  { name: 'read_sample', kind: 'step', start: 0, end: 2 },
  { name: 'forward', kind: 'step', start: 2, end: 8 },
  { name: 'train_step_total', kind: 'step', start: 0, end: 10 },
  { name: 'progress onStep', kind: 'hook', start: 10, end: 11 },
  { name: 'forward', kind: 'step', start: 12, end: 16 },
  { name: 'train_step_total', kind: 'step', start: 11, end: 21 },
]

/** By their ends: conv2d encloses convolution. */
const operators: OperatorSpan[] = [
  { name: 'aten::convolution', thread: 1, start: 2.5, end: 5.5 },
  { name: 'aten::conv2d', thread: 1, start: 2, end: 6 },
  { name: 'aten::add', thread: 2, start: 3, end: 3.5 },
  { name: 'aten::add', thread: 1, start: 7, end: 7.5 },
]

const loader: LoaderTrace = {
  threads: ['TRAIN taker', 'TRAIN data-0', 'TRAIN data-1'],
  spans: [
    { thread: 1, part: 'decode', start: 0, end: 2 },
    { thread: 2, part: 'read', start: 1, end: 3 },
    { thread: 1, part: 'transform', start: 2, end: 5 },
    { thread: 0, part: 'wait for a batch', start: 0, end: 6 },
    { thread: 2, part: 'wait for room', start: 3, end: 10 },
  ],
  dropped: 0,
}

test('the summary names what takes most of a step', (t) => {
  t.deepEqual(summaryOf(spans, []).split('\n'), [
    'profile of 2 steps, 10.0 ms each',
    '    forward               5.00 ms  50.0 %',
    '    read_sample           1.00 ms  10.0 %',
    '    hook progress onStep  0.50 ms   5.0 %',
  ])
  t.deepEqual(summaryOf(spans, operators).split('\n').slice(4), [
    '    operator aten::convolution  1.50 ms  15.0 %',
    '    operator aten::conv2d       0.50 ms   5.0 %',
    '    operator aten::add          0.50 ms   5.0 %',
  ])
  t.regex(summaryOf([], []), /ended before/)
  // 7 of 20 ms of two threads; the taker is none of them.
  t.is(
    summaryOf(spans, operators, loader).split('\n').at(-1),
    '    loader, 2 threads, mostly transform  3.50 ms  35.0 %',
  )
  const many = [...'abcdefghijk'].map((name): Span => ({ name, kind: 'step', start: 0, end: 1 }))
  t.is(summaryOf([...spans, ...many], operators, loader).split('\n').length, 10)
})

test('the trace is Chrome’s', (t) => {
  const { traceEvents } = JSON.parse(chromeTrace(spans, operators)) as {
    traceEvents: Record<string, unknown>[]
  }
  const [forward] = traceEvents.filter(({ name }) => name === 'forward')
  t.like(forward, { ph: 'X', cat: 'step', ts: 2000, dur: 6000, tid: 1 })
  const titles = traceEvents.filter(({ ph }) => ph === 'M').map(({ args }) => (args as { name: string }).name)
  t.deepEqual(titles, ['train step', 'hooks', 'operators, thread 1', 'operators, thread 2'])
  t.like(
    traceEvents.find(({ name }) => name === 'aten::conv2d'),
    { cat: 'operator', ts: 2000, dur: 4000, tid: 11 },
  )
  const { traceEvents: all } = JSON.parse(chromeTrace(spans, operators, loader)) as {
    traceEvents: TraceEvent[]
  }
  const tids = new Map(all.filter(({ ph }) => ph === 'M').map(({ args, tid }) => [args!.name, tid]))
  t.is(tids.size, 7)
  t.is(new Set(tids.values()).size, 7)
  t.like(
    all.find(({ name }) => name === 'transform'),
    { ph: 'X', cat: 'loader', ts: 2000, dur: 3000, tid: tids.get('loader TRAIN data-0') },
  )
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
    const { traceEvents } = JSON.parse(readFileSync(path, 'utf8')) as {
      traceEvents: TraceEvent[]
    }
    t.is(traceEvents.filter(({ name }) => name === 'optimizer_step').length, recorded)
    t.true(traceEvents.some(({ name }) => name === 'progress onStep'))
    // Operators lie within the step that ran them: one clock.
    const within = (outer: string, inner: string) => {
      const steps = traceEvents.filter(({ name }) => name === outer)
      const [operator] = traceEvents.filter(({ name }) => name === inner)
      return steps.some(({ ts, dur }) => ts <= operator!.ts && operator!.ts + operator!.dur <= ts + dur + 50)
    }
    t.true(within('forward', 'aten::conv2d'))
    t.true(within('backward', 'ConvolutionBackward0'))
    // So do the loader's threads: a batch that is waited for is waited for while the step reads it.
    t.true(traceEvents.some(({ args }) => args?.name === 'loader TRAIN data-0'))
    for (const name of ['transform', 'collate']) {
      t.true(
        traceEvents.some((event) => event.name === name && event.cat === 'loader'),
        name,
      )
    }
    t.true(within('read_sample', 'wait for a batch'))
    t.regex(printed, /loader[^\n]*, mostly \w+ +[\d.]+ ms +[\d.]+ %/)
  }
})
