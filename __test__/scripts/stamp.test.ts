import { mkdirSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { digestOf, isCurrent, writeStamp } from '../../scripts/setup/stamp.mjs'
import { temporaryFolder } from './helpers.ts'

test('a digest depends on names, contents and extras, not on times or build folders', (t) => {
  const root = temporaryFolder(t)
  mkdirSync(join(root, 'src/target'), { recursive: true })
  writeFileSync(join(root, 'src/a'), 'one')
  const first = digestOf(root, ['src'], ['x'])
  utimesSync(join(root, 'src/a'), 1, 1)
  writeFileSync(join(root, 'src/target/object'), 'ignored')
  t.is(digestOf(root, ['src'], ['x']), first)
  t.not(digestOf(root, ['src'], ['y']), first)
  writeFileSync(join(root, 'src/a'), 'two')
  t.not(digestOf(root, ['src'], ['x']), first)
  writeFileSync(join(root, 'src/a'), 'one')
  renameSync(join(root, 'src/a'), join(root, 'src/b'))
  t.not(digestOf(root, ['src'], ['x']), first)
})

test('a missing input has a digest of its own', (t) => {
  const root = temporaryFolder(t)
  const missing = digestOf(root, ['Cargo.lock'])
  writeFileSync(join(root, 'Cargo.lock'), '')
  t.not(digestOf(root, ['Cargo.lock']), missing)
})

test('a stamp is current only with its digest and all its outputs', (t) => {
  const root = temporaryFolder(t)
  const stamp = join(root, 'deep/stamp')
  const output = join(root, 'output')
  t.false(isCurrent(stamp, 'abc'))
  writeStamp(stamp, 'abc')
  t.true(isCurrent(stamp, 'abc'))
  t.false(isCurrent(stamp, 'abd'))
  t.false(isCurrent(stamp, 'abc', [output]))
  writeFileSync(output, '')
  t.true(isCurrent(stamp, 'abc', [output]))
  rmSync(stamp)
  t.false(isCurrent(stamp, 'abc', [output]))
})
