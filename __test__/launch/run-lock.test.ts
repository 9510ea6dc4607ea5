import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { ExitCode, type VisslError } from '../../ts/errors.ts'
import { LOCK_NAME, type LockOwner, lockRun } from '../../ts/launch/run-lock.ts'

function scratch(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'vissl-lock-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** What this process writes, with changes. */
function leave(folder: string, change: Partial<LockOwner>): void {
  const lock = lockRun(folder)
  const own = JSON.parse(readFileSync(join(folder, LOCK_NAME), 'utf8')) as LockOwner
  lock.release()
  writeFileSync(join(folder, LOCK_NAME), JSON.stringify({ ...own, ...change }))
}

/** The id of a process that has ended. */
const ended = (): number => spawnSync(process.execPath, ['--version']).pid

test('a folder is for one run; the other one is named', (t) => {
  const folder = scratch(t)
  const started = new Date('2024-05-06T07:08:09Z')
  const lock = lockRun(folder, started)
  t.is(lock.takenFrom, undefined)
  const error = t.throws<VisslError>(() => lockRun(folder))!
  t.is(error.exitCode, ExitCode.usage)
  t.is(
    error.message,
    `another run is in ${folder}: process ${process.pid} on ${hostname()}, since 2024-05-06T07:08:09.000Z`,
  )
  t.regex(error.fix!, new RegExp(`kill ${process.pid}`))
  lock.release()
  t.deepEqual(readdirSync(folder), [])
  lockRun(folder).release()
})

test('what a killed process left is taken over and said so', (t) => {
  const folder = scratch(t)
  const pid = ended()
  leave(folder, { pid })
  const lock = lockRun(folder)
  t.is(lock.takenFrom?.pid, pid)
  t.deepEqual(readdirSync(folder), [LOCK_NAME])
  lock.release()
})

test('a process that got the id of an ended one is not taken for it', (t) => {
  const folder = scratch(t)
  leave(folder, { pid: process.ppid, birth: 'some other boot:1' })
  const lock = lockRun(folder)
  t.is(lock.takenFrom?.pid, process.ppid)
  lock.release()
  leave(folder, { pid: process.ppid, birth: '' })
  t.throws(() => lockRun(folder), { message: new RegExp(`process ${process.ppid} `) })
})

test('of another machine or container nothing is known', (t) => {
  const folder = scratch(t)
  for (const change of [{ host: 'other-host' }, { space: 'pid:[1]' }]) {
    leave(folder, { pid: ended(), ...change })
    const error = t.throws<VisslError>(() => lockRun(folder), { message: /another run is in/ })!
    if ('host' in change) t.true(error.fix!.includes(`remove ${join(folder, LOCK_NAME)}`))
    rmSync(join(folder, LOCK_NAME))
  }
})

test.serial('a SLURM job that was queued again takes over from its earlier start on another machine', (t) => {
  const folder = scratch(t)
  t.teardown(() => {
    delete process.env.SLURM_JOB_ID
    delete process.env.SLURM_RESTART_COUNT
  })
  leave(folder, { host: 'other-host', job: '77' })
  process.env.SLURM_JOB_ID = '77'
  t.throws(() => lockRun(folder))
  process.env.SLURM_RESTART_COUNT = '1'
  const lock = lockRun(folder)
  t.is(lock.takenFrom?.host, 'other-host')
  lock.release()
})

test('a lock without sense is no lock; one that is another run’s by now stays', (t) => {
  const folder = scratch(t)
  const path = join(folder, LOCK_NAME)
  for (const text of [
    '',
    '{',
    '[]',
    'null',
    '{"pid":-1,"host":"x"}',
    '{"pid":"1","host":2}',
    '\0'.repeat(9),
  ]) {
    writeFileSync(path, text)
    const lock = lockRun(folder)
    t.is(lock.takenFrom, undefined)
    writeFileSync(path, 'of another run')
    lock.release()
    t.is(readFileSync(path, 'utf8'), 'of another run')
  }
})

test('a folder that takes no file', (t) => {
  const folder = join(scratch(t), 'gone')
  t.is(t.throws<VisslError>(() => lockRun(folder))!.exitCode, ExitCode.environment)
  t.false(existsSync(folder))
})
