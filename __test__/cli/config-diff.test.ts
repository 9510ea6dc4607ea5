import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { diffTrees } from '../../ts/config/diff.ts'
import { ExitCode } from '../../ts/errors.ts'
import { config } from './_config.ts'

const cwd = mkdtempSync(join(tmpdir(), 'vissl-config-'))

test('trees are compared by key, lists by element where they can be', (t) => {
  const left = { a: 1, b: { c: [1, 2], d: Number.NaN }, e: [{ name: 'x', p: 1 }, { name: 'y' }], f: null }
  const right = { a: 1, b: { d: Number.NaN, c: [1, 3] }, e: [{ name: 'x', p: 2 }, { name: 'y' }], g: [] }
  t.deepEqual(diffTrees(left, right), [
    { path: 'b.c', left: [1, 2], right: [1, 3] },
    { path: 'e.0.p', left: 1, right: 2 },
    { path: 'f', left: null, right: undefined },
    { path: 'g', left: undefined, right: [] },
  ])
  t.deepEqual(diffTrees(left, structuredClone(left)), [])
})

test('names, files and folders of runs; 1 when they differ, 0 when they do not', async (t) => {
  const yaml = (await config(cwd, 'show', 'config=quickstart', 'config.SEED_VALUE=7', '--raw')).out
  writeFileSync(join(cwd, 'mine.yaml'), yaml)
  mkdirSync(join(cwd, 'runs/mine-1'), { recursive: true })
  writeFileSync(join(cwd, 'runs/mine-1/train_config.yaml'), yaml)
  for (const name of ['mine.yaml', './mine.yaml', join(cwd, 'mine.yaml'), 'runs/mine-1']) {
    const { code, out } = await config(cwd, 'diff', 'quickstart', name)
    t.is(code, 1)
    t.is(out, `--- quickstart\n+++ ${name}\n- config.SEED_VALUE: 0\n+ config.SEED_VALUE: 7\n`)
  }
  const same = await config(cwd, 'diff', 'mine.yaml', 'runs/mine-1')
  t.deepEqual([same.code, same.out], [ExitCode.ok, ''])
  const forced = await config(cwd, 'diff', 'mine.yaml', 'quickstart', 'config.SEED_VALUE=1')
  t.is(forced.code, ExitCode.ok)
})

test('inferred values differ where composed ones do, and more', async (t) => {
  const text =
    '# @package _global_\nconfig: {DISTRIBUTED: {NUM_NODES: 2}, LOSS: {name: simclr_info_nce_loss}}\n'
  writeFileSync(join(cwd, 'two.yaml'), text)
  writeFileSync(join(cwd, 'one.yaml'), text.replace('2', '1'))
  const raw = await config(cwd, 'diff', 'one.yaml', 'two.yaml', '--raw')
  t.deepEqual(raw.out.match(/^- .*/gm), ['- config.DISTRIBUTED.NUM_NODES: 1'])
  const inferred = await config(cwd, 'diff', 'one.yaml', 'two.yaml')
  t.true(inferred.out.includes('\n- config.LOSS.simclr_info_nce_loss.buffer_params.world_size: 8\n'))
})

const mistakes: [string[], RegExp][] = [
  [['diff', 'quickstart'], /two configurations are compared/],
  [['diff', 'a', 'b', 'c'], /unexpected argument c/],
  [['diff', 'quickstart', 'quickstar'], /config=quickstart/],
  [['diff', 'quickstart', '.'], /the folder \. holds no train_config\.yaml/],
  [['diff', 'config=quickstart', 'folder', 'folder'], /give the names of A and B alone/],
]
for (const [argv, message] of mistakes) {
  test(`vissl config ${argv.join(' ')}`, async (t) => {
    const { code, out, err } = await config(cwd, ...argv)
    t.deepEqual([code, out], [ExitCode.usage, ''])
    t.regex(err, message)
  })
}
