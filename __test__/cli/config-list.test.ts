import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { catalogue } from '../../ts/config/catalogue.ts'
import { packageConfigs } from '../../ts/config/index.ts'
import { ExitCode } from '../../ts/errors.ts'
import { config, goldenRows } from './_config.ts'

const cwd = mkdtempSync(join(tmpdir(), 'vissl-config-'))
const entries = catalogue([packageConfigs])

test('whole runs and overlays are those of VISSL', (t) => {
  const kinds = new Map(entries.map(({ argument, kind }) => [argument, kind]))
  for (const { overrides, kind } of goldenRows('every_yaml_alone')) {
    const name = overrides[0]!.slice('config='.length)
    const slash = name.lastIndexOf('/')
    if (kind === 'base') t.is(kinds.get(`config=${name}`), 'base', name)
    else t.is(kinds.get(`+config/${name.slice(0, slash)}=${name.slice(slash + 1)}`), 'overlay', name)
  }
  for (const { overrides } of goldenRows('overlays')) {
    for (const argument of overrides.filter((text) => /^\+?config[/=]/.test(text)))
      t.true(kinds.has(argument), argument)
  }
})

test('every configuration of the package says what it is', (t) => {
  for (const { argument, summary } of entries) {
    t.true(summary.length > 5 && !summary.startsWith('@package'), `${argument}: ${summary}`)
  }
})

test('the list can be filtered by name and description', async (t) => {
  const all = await config(cwd, 'list')
  t.is(all.code, ExitCode.ok)
  t.true(all.out.startsWith('whole runs\n'))
  t.true(all.out.includes('\noverlays, to be added to a run they fit\n'))
  const found = await config(cwd, 'list', 'SimCLR', 'models')
  const rows = found.out.split('\n').filter((line) => line.startsWith('  '))
  t.true(rows.length > 3 && rows.length < all.out.split('\n').length / 2)
  for (const row of rows) t.regex(row.toLowerCase(), /(?=.*simclr)(?=.*models)/)
  t.true(rows.some((row) => row.startsWith('  +config/pretrain/simclr/models=resnext101 ')))
  const none = await config(cwd, 'list', 'zork')
  t.is(none.code, ExitCode.usage)
})

test("the working folder's configurations go before the package's", async (t) => {
  mkdirSync(join(cwd, 'configs/config'), { recursive: true })
  const text =
    '# @package _global_\n\n# My own run.\nconfig:\n  DATA: {TRAIN: {DATA_SOURCES: []}}\n  MODEL: {}\n  OPTIMIZER: {}\n'
  writeFileSync(join(cwd, 'configs/config/mine.yaml'), text)
  writeFileSync(join(cwd, 'configs/config/quickstart.yaml'), text)
  writeFileSync(join(cwd, 'configs/config/bare.yaml'), 'config: {}\n# late comment\n')
  const { out } = await config(cwd, 'list')
  t.regex(out, /\n {2}config=mine +My own run\.\n/)
  t.regex(out, /\n {2}config=quickstart +My own run\.\n/)
  t.regex(out, /\n {2}\+config=bare\n/)
})
