import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { EVENTS_VARIABLE, isForApp, listenToApp, tellApp, tellEvent } from '../../ts/logging/app-channel.ts'
import { ConsoleLog } from '../../ts/logging/log.ts'
import type { StepEvent, TrainingCommand, TrainingMessage } from '../../ts/logging/training-event.ts'
import { Hook } from '../../ts/train/hook.ts'
import type { Task } from '../../ts/train/task.ts'
import { runTiny } from '../train/_run.ts'

/** An app that stands in for the process that started this one. */
class App {
  readonly messages: TrainingMessage[] = []
  /** Whether it reads what it is sent. */
  reads = true
  #unread: (() => void)[] = []

  /** Stands in until `leave` is called. */
  static enter(): { app: App; leave: () => void } {
    const app = new App()
    const { send } = process
    process.env[EVENTS_VARIABLE] = '1'
    // The runner's own messages go where they belong.
    process.send = ((message: TrainingMessage, ...rest: unknown[]) => {
      const isOurs = ['event', 'placed', 'paused', 'saved', 'failure'].includes(message.type)
      return isOurs
        ? app.take(message, rest.at(-1) as () => void)
        : send?.call(process, message, ...(rest as []))
    }) as typeof process.send
    return {
      app,
      leave: () => {
        process.send = send!
        delete process.env[EVENTS_VARIABLE]
      },
    }
  }

  take(message: TrainingMessage, sent: () => void): boolean {
    this.messages.push(message)
    if (this.reads) setImmediate(sent)
    else this.#unread.push(sent)
    return this.reads
  }

  /** Takes what has piled up. */
  read(): void {
    this.reads = true
    for (const sent of this.#unread.splice(0)) sent()
  }

  command(command: TrainingCommand['command']): void {
    process.emit('message', { type: 'command', command } satisfies TrainingCommand, undefined)
  }

  /** The kinds of what it was told, steps with their number. */
  get told(): string[] {
    return this.messages.map((message) => {
      if (message.type !== 'event') return message.type
      const { event } = message
      return event.type === 'step' ? `step ${event.step}` : event.type
    })
  }
}

const step = (step: number): StepEvent => ({
  type: 'step',
  step,
  steps: 1000,
  done: step / 1000,
  epoch: 1,
  loss: 1,
  lr: 1,
  imagesPerSecond: 1,
  eta: 1,
})

test.serial('without an app nothing is told', (t) => {
  t.false(isForApp())
  const { app, leave } = App.enter()
  delete process.env[EVENTS_VARIABLE]
  tellEvent(step(1))
  leave()
  t.deepEqual(app.messages, [])
})

test.serial('an app that does not read gets the newest step, and everything else', (t) => {
  const { app, leave } = App.enter()
  app.reads = false
  for (let i = 1; i <= 1000; i++) tellEvent(step(i))
  t.is(app.messages.length, 64)
  tellApp({ type: 'paused' })
  for (let i = 1001; i <= 1010; i++) tellEvent(step(i))
  app.read()
  leave()
  t.deepEqual(app.told.slice(62), ['step 63', 'step 64', 'step 1000', 'paused', 'step 1010'])
})

test.serial('what is shown is told too', (t) => {
  const { app, leave } = App.enter()
  const log = new ConsoleLog({ write: () => true })
  log.info('one')
  log.warn('two')
  log.error('three')
  leave()
  const events = app.messages.map((message) => (message.type === 'event' ? message.event : undefined))
  t.deepEqual(events, [
    { type: 'log', level: 'info', message: 'one' },
    { type: 'log', level: 'warning', message: 'two' },
    { type: 'log', level: 'error', message: 'three' },
  ])
})

/** Commands at chosen moments of training, given by the app between two steps. */
class Script extends Hook {
  readonly name = 'script'
  readonly #lines: Readonly<Record<number, () => void>>

  constructor(lines: Readonly<Record<number, () => void>>) {
    super()
    this.#lines = lines
  }

  /** Within the step, so that the events' hook sees it after the step. */
  override onUpdate(task: Task): void {
    this.#lines[task.iteration]?.()
  }
}

test.serial('commands are obeyed after the step in progress', async (t) => {
  const cwd = mkdtempSync(join(tmpdir(), 'vissl-events-'))
  t.teardown(() => rmSync(cwd, { recursive: true, force: true }))
  const { app, leave } = App.enter()
  t.teardown(leave)
  await listenToApp(() => {})
  const limits = ['TRAIN_LIMIT', 'TEST_LIMIT'].map((key) => `config.EVALUATION.KNN.${key}=32`)
  const knn = ['config.EVALUATION.KNN.ENABLED=true', ...limits]
  const script = new Script({
    2: () => app.command('save'),
    3: () => {
      app.command('pause')
      app.command('pause')
      app.command('save')
      setTimeout(() => app.command('resume'), 200)
    },
    5: () => {
      app.command('pause')
      app.command('resume')
    },
  })
  await runTiny(cwd, { overrides: knn, hooks: [script] })
  const told = app.told.filter((kind) => kind !== 'log')
  t.deepEqual(told.slice(0, 6), ['placed', 'start', 'knn', 'knn', 'phase', 'step 1'])
  const at = (kind: string) => told.indexOf(kind)
  t.is(told.filter((kind) => kind === 'paused').length, 1)
  t.true(at('step 3') < at('paused') && at('paused') < at('step 4'))
  const saved = app.messages.flatMap((message) => (message.type === 'saved' ? [message] : []))
  t.deepEqual(
    saved.map(({ count, path }) => [count, path?.slice(-22)]),
    [
      [1, 'model_iteration2.torch'],
      [1, 'model_iteration3.torch'],
    ],
  )
  t.true(told.lastIndexOf('saved') < at('step 4'), 'saved during the pause')
  t.deepEqual(
    told.filter((kind) => kind.startsWith('step')),
    Array.from({ length: 8 }, (_, i) => `step ${i + 1}`),
  )
  const [first, second] = app.messages.flatMap((message) =>
    message.type === 'event' && message.event.type === 'knn' ? [message.event] : [],
  )
  t.is(first?.what, 'raw pixels')
  t.false('epoch' in first!)
  t.like(second, { what: 'untrained network', epoch: 0 })
})
