import { existsSync, readdirSync, utimesSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { withLock } from '../../scripts/setup/lock.mjs'
import { temporaryFolder } from './helpers.ts'

test('work under one lock never overlaps, and the lock is gone afterwards', async (t) => {
  const path = join(temporaryFolder(t), 'lock')
  let inside = 0
  let waited = 0
  const work = async () => {
    t.is(++inside, 1)
    await new Promise(setImmediate)
    inside--
    return 'done'
  }
  const results = await Promise.all([1, 2].map(() => withLock(path, work, () => waited++)))
  t.deepEqual(results, ['done', 'done'])
  t.is(waited, 1)
  t.false(existsSync(path))
})

test('a failure frees the lock', async (t) => {
  const folder = temporaryFolder(t)
  const failing = withLock(join(folder, 'lock'), async () => {
    throw new Error('broken')
  })
  await t.throwsAsync(failing, { message: 'broken' })
  t.deepEqual(readdirSync(folder), [])
})

test('the lock of a dead process, and one that nobody refreshes, are taken over', async (t) => {
  const path = join(temporaryFolder(t), 'lock')
  writeFileSync(path, JSON.stringify({ pid: 2 ** 30, host: hostname() }))
  t.is(await withLock(path, async () => 1), 1)
  writeFileSync(path, JSON.stringify({ pid: process.pid, host: 'elsewhere' }))
  utimesSync(path, 1, 1)
  t.is(await withLock(path, async () => 2), 2)
})
