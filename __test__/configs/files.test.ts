import test from 'ava'
import { parse } from 'yaml'
import { listOptions, packageConfigs } from '../../ts/config/index.ts'
import { difference, goldenLines, names, textOf } from './_files.ts'

const ours = listOptions('config', [packageConfigs])

test('every file of VISSL is there under its own path', (t) => {
  const missing = [...names.base, ...names.overlay, ...names.detection].filter((name) => !ours.includes(name))
  t.deepEqual(missing, [])
})

test('no two names differ in case alone: they would be one file on some disks', (t) => {
  t.is(new Set(ours.map((name) => name.toLowerCase())).size, ours.length)
})

test('a file begins with the package header and one line on what it is', (t) => {
  const detection = new Set(names.detection)
  for (const name of ours) {
    const lines = textOf(name).split('\n')
    if (!detection.has(name)) t.is(lines.shift(), '# @package _global_', name)
    t.regex(lines[0]!, /^# .{8,118}\.$/, name)
  }
})

test('no description is given twice, except where two files hold the same', (t) => {
  const seen = new Map<string, string>()
  for (const name of ours) {
    const [description, ...content] = textOf(name)
      .split('\n')
      .filter((line) => line !== '# @package _global_')
    const before = seen.get(description!)
    if (before !== undefined) t.is(content.join('\n'), before, name)
    seen.set(description!, content.join('\n'))
  }
})

test('every file sets what the file of VISSL sets, and nothing else', (t) => {
  for (const [name, wanted] of goldenLines<[string, unknown]>('values.jsonl.gz')) {
    const got: unknown = parse(textOf(name))
    t.is(difference(wanted, got) ?? difference(got, wanted), undefined, name)
  }
})

test('the files for Detectron2 are maps, and what they build on is there', (t) => {
  for (const name of names.detection) {
    const content = parse(textOf(name)) as Record<string, unknown>
    const base = content._BASE_
    if (base === undefined) t.like(content, { MODEL: { META_ARCHITECTURE: 'GeneralizedRCNN' } }, name)
    else {
      const path = new URL(String(base), `file:///${name}`).pathname.slice(1).replace(/\.yaml$/, '')
      // In VISSL too this one names a file that does not exist.
      t.is(names.detection.includes(path), !name.endsWith('rn50_transfer_voc0712_simclr_swav'), name)
    }
  }
})
