import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { unpack } from '../../scripts/setup/libtorch-sources.mjs'
import { byRules, unzip } from '../../scripts/setup/zip.mjs'
import { makeZip, temporaryFolder } from './helpers.ts'

const rules = byRules([[/^torch\/include\//, 'include/']])
const quiet = { update() {} }
const files = {
  'torch/include/a.h': 'a'.repeat(70_000),
  'torch/include/sub/b.h': 'b',
  'torch/bin/c': 'not wanted',
}

for (const deflate of [true, false]) {
  test(`only the selected files are unpacked (${deflate ? 'deflated' : 'stored'})`, async (t) => {
    const root = temporaryFolder(t)
    writeFileSync(join(root, 'a.whl'), makeZip(files, deflate))
    const progress: [number, number][] = []
    const count = await unzip(join(root, 'a.whl'), join(root, 'out'), rules, (done: number, total: number) =>
      progress.push([done, total]),
    )
    t.is(count, 2)
    t.is(readFileSync(join(root, 'out/include/a.h'), 'utf8'), files['torch/include/a.h'])
    t.is(readFileSync(join(root, 'out/include/sub/b.h'), 'utf8'), 'b')
    t.deepEqual(readdirSync(join(root, 'out')), ['include'])
    t.is(progress.at(-1)?.[0], progress.at(-1)?.[1])
  })
}

test('a truncated archive is an error and leaves no folder', async (t) => {
  const root = temporaryFolder(t)
  const whole = makeZip(files)
  for (const length of [0, 10, whole.length - 30, whole.length - 1]) {
    writeFileSync(join(root, 'a.whl'), whole.subarray(0, length))
    const error = await t.throwsAsync(
      unpack(quiet, root, join(root, 'target'), [[join(root, 'a.whl'), rules]]),
      {
        message: /truncated or damaged/,
      },
    )
    t.regex((error as Error & { fix: string }).fix, /again/)
    t.deepEqual(readdirSync(root), ['a.whl'])
  }
})

test('a flipped byte is found by the checksum', async (t) => {
  const root = temporaryFolder(t)
  const bytes = makeZip({ 'torch/include/a.h': 'hello' }, false)
  bytes[bytes.indexOf('hello')]! ^= 1
  writeFileSync(join(root, 'a.whl'), bytes)
  await t.throwsAsync(unpack(quiet, root, join(root, 'target'), [[join(root, 'a.whl'), rules]]), {
    message: /does not match its checksum/,
  })
  t.false(existsSync(join(root, 'target')))
})

test('a name that leads out of the folder is refused', async (t) => {
  const root = temporaryFolder(t)
  writeFileSync(join(root, 'a.whl'), makeZip({ 'torch/include/../../../evil': 'x' }))
  await t.throwsAsync(unzip(join(root, 'a.whl'), join(root, 'out'), rules), {
    message: /leads out of the folder/,
  })
  t.deepEqual(readdirSync(root), ['a.whl'])
})

test('the target appears whole, or not at all when the finishing step fails', async (t) => {
  const root = temporaryFolder(t)
  mkdirSync(join(root, 'cache'))
  writeFileSync(join(root, 'a.whl'), makeZip(files))
  const archives: [string, (name: string) => string | undefined][] = [[join(root, 'a.whl'), rules]]
  const target = join(root, 'cache/libtorch')
  const failing = unpack(quiet, join(root, 'cache'), target, archives, async (partial: string) => {
    t.true(existsSync(join(partial, 'include/a.h')))
    t.false(existsSync(target))
    throw new Error('no network')
  })
  await t.throwsAsync(failing, { message: 'no network' })
  t.deepEqual(readdirSync(join(root, 'cache')), [])
  await unpack(quiet, join(root, 'cache'), target, archives)
  t.deepEqual(readdirSync(join(root, 'cache')), ['libtorch'])
})
