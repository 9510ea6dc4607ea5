import test from 'ava'
import { atLeast, baseVersion, compareVersions, parseVersion } from '../../scripts/setup/version.mjs'

test('a version is read out of a tool’s own line', (t) => {
  t.deepEqual(parseVersion('cargo 1.95.0 (f2d3ce0bd 2026-03-21)'), [1, 95, 0])
  t.deepEqual(parseVersion('v20.20.2'), [20, 20, 2])
  t.deepEqual(parseVersion('Python 3.11'), [3, 11, 0])
  t.is(parseVersion('no number here'), undefined)
})

test('versions compare by number, not by text', (t) => {
  t.true(compareVersions([1, 100, 0], [1, 88, 0]) > 0)
  t.is(compareVersions([2, 13, 0], [2, 13, 0]), 0)
  t.true(atLeast('rustc 1.88.0', '1.88'))
  t.false(atLeast('rustc 1.87.9', '1.88'))
  t.false(atLeast('', '1.88'))
})

test('a local build label does not count, a pre-release does', (t) => {
  t.is(baseVersion('2.13.0+cu130\n'), '2.13.0')
  t.is(baseVersion('2.13.0a0+git1'), '2.13.0a0')
})
