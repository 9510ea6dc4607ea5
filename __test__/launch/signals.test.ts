import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { fetchFashionMnist } from '../../ts/data/index.ts'
import { ExitCode } from '../../ts/errors.ts'
import { StopSignals } from '../../ts/launch/signals.ts'
import type { Task } from '../../ts/train/task.ts'
import { Stopped } from '../../ts/train/trainer.ts'

test.serial('a signal during set-up ends it at the next pause, downloads at once', async (t) => {
  const said: string[] = []
  const signals = new StopSignals((message) => said.push(message))
  const cache = mkdtempSync(join(tmpdir(), 'vissl-signals-'))
  try {
    t.notThrows(() => signals.throwIfStopped())
    process.emit('SIGINT')
    t.deepEqual(said, ['stopping; press Ctrl-C again to leave at once'])
    const error = t.throws(() => signals.throwIfStopped(), { instanceOf: Stopped })
    t.is(error.exitCode, ExitCode.interrupted)
    t.is(error.message, 'stopped by Ctrl-C before training; nothing was written')
    const fetched = await fetchFashionMnist({ cache, signal: signals.signal })
    t.is(fetched.folder, null)
    t.deepEqual(readdirSync(cache), [])
  } finally {
    signals.restore()
    rmSync(cache, { recursive: true, force: true })
  }
})

test.serial('the first reason counts, also for a task that is made later', (t) => {
  const before = process.listenerCount('SIGTERM')
  const signals = new StopSignals(() => {})
  const asked: unknown[] = []
  const task = { requestStop: (...request: unknown[]) => asked.push(request) } as unknown as Task
  process.emit('SIGTERM')
  signals.watch(task, () => {})
  t.deepEqual(asked, [['stopped by SIGTERM', ExitCode.terminated]])
  signals.restore()
  t.is(process.listenerCount('SIGTERM'), before)
})
