import test from 'ava'
import { EventHistory } from '../../../ts/launch/embedding/event-history.ts'
import type { TrainingEvent } from '../../../ts/logging/training-event.ts'

const step = (step: number): TrainingEvent => ({
  type: 'step',
  step,
  steps: 100_000,
  done: step / 100_000,
  epoch: 1,
  loss: 1,
  lr: 0.1,
  imagesPerSecond: 1,
  eta: 1,
})
const log = (message: string): TrainingEvent => ({ type: 'log', level: 'info', message })
const start: TrainingEvent = { type: 'start', folder: '/run', steps: 100_000, epochs: 1, step: 0 }
const stepsOf = (events: readonly TrainingEvent[]): number[] =>
  events.flatMap((event) => (event.type === 'step' ? [event.step] : []))

async function all(events: AsyncIterable<TrainingEvent>): Promise<TrainingEvent[]> {
  const list: TrainingEvent[] = []
  for await (const event of events) list.push(event)
  return list
}

test('with no reader memory is bounded: the newest steps and the start are kept', async (t) => {
  const history = new EventHistory()
  history.add(start)
  for (let i = 1; i <= 100_000; i++) {
    history.add(step(i))
    if (i % 100 === 0) history.add(log(String(i)))
    t.true(history.size <= 320)
  }
  history.end()
  const events = await all(history.read())
  t.deepEqual(events[0], start)
  t.deepEqual(
    stepsOf(events),
    Array.from({ length: 64 }, (_, i) => 100_000 - 63 + i),
  )
  t.deepEqual(events.at(-1), log('100000'))
})

test('messages give way to checkpoints, and the oldest checkpoints to newer ones', async (t) => {
  const history = new EventHistory()
  history.add(start)
  for (let i = 0; i < 300; i++) history.add(log(String(i)))
  for (let i = 0; i < 300; i++) history.add({ type: 'checkpoint', path: String(i) })
  history.end()
  const events = await all(history.read())
  t.is(events.length, 256)
  t.deepEqual(events[0], start)
  t.deepEqual(events[1], { type: 'checkpoint', path: '45' })
  t.deepEqual(events.at(-1), { type: 'checkpoint', path: '299' })
})

test('a slow reader gets the newest steps, in order, and every other event', async (t) => {
  const history = new EventHistory()
  const reader = history.read()
  for (let i = 1; i <= 1000; i++) {
    history.add(step(i))
    if (i % 250 === 0) history.add({ type: 'checkpoint', path: String(i) })
  }
  history.end()
  const events = await all(reader)
  t.is(events.filter(({ type }) => type === 'checkpoint').length, 4)
  t.deepEqual(
    stepsOf(events),
    Array.from({ length: 64 }, (_, i) => 937 + i),
  )
})

test('every reader gets what happened and what happens', async (t) => {
  const history = new EventHistory()
  history.add(start)
  const first = history.read()
  t.deepEqual((await first.next()).value, start)
  const waiting = first.next()
  history.add(step(1))
  t.deepEqual((await waiting).value, step(1))
  const second = all(history.read())
  history.add(step(2))
  history.end()
  t.deepEqual(await second, [start, step(1), step(2)])
  t.deepEqual(await all(first), [step(2)])
  t.deepEqual(await all(history.read()), [start, step(1), step(2)])
})

test('a failure is thrown after the last event, once', async (t) => {
  const history = new EventHistory()
  history.add(step(1))
  const reader = history.read()
  history.end({ error: new Error('no') })
  t.deepEqual((await reader.next()).value, step(1))
  await t.throwsAsync(() => reader.next(), { message: 'no' })
  t.true((await reader.next()).done)
  await t.throwsAsync(() => all(history.read()), { message: 'no' })
})

test('leaving a loop ends it alone, also while it waits', async (t) => {
  const history = new EventHistory()
  const [left, other] = [history.read(), history.read()]
  const waiting = left.next()
  await left.return!()
  t.true((await waiting).done)
  history.add(step(1))
  t.true((await left.next()).done)
  t.deepEqual((await other.next()).value, step(1))
})
