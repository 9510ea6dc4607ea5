import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { ExitCode } from '../../ts/errors.ts'
import { config } from './_config.ts'

const cwd = mkdtempSync(join(tmpdir(), 'vissl-config-'))
const save = (name: string, text: string) => writeFileSync(join(cwd, name), `# @package _global_\n${text}`)

test('good files, names, runs and command lines', async (t) => {
  const yaml = (await config(cwd, 'show', 'config=quickstart')).out
  save('good.yaml', yaml)
  mkdirSync(join(cwd, 'run'))
  writeFileSync(join(cwd, 'run/train_config.yaml'), yaml)
  const { code, out, err } = await config(cwd, 'check', 'good.yaml', 'quickstart', 'run')
  t.deepEqual([code, out, err], [ExitCode.ok, '✔ good.yaml\n✔ quickstart\n✔ run\n', ''])
  const line = await config(cwd, 'check', 'config=quickstart', 'config.OPTIMIZER.num_epochs=5')
  t.deepEqual([line.code, line.out], [ExitCode.ok, '✔ the command line\n'])
})

test('all mistakes of all files at once, with line and column', async (t) => {
  save('types.yaml', 'config:\n  SEED_VALUE: ten\n  OPTIMIZER:\n    num_epochs: 0\n    num_epoch: 3\n')
  save('syntax.yaml', 'config:\n  A: [1\n')
  save('infer.yaml', 'config:\n  LOSS: {name: swav_loss}\n')
  const { code, out, err } = await config(
    cwd,
    'check',
    'types.yaml',
    'syntax.yaml',
    'infer.yaml',
    'quickstart',
  )
  t.is(code, ExitCode.usage)
  t.is(out, '✔ quickstart\n')
  t.regex(err, /✖ types\.yaml:3:15 {2}config\.SEED_VALUE: got "ten" \(text\)/)
  t.regex(err, /✖ types\.yaml:5:17 {2}config\.OPTIMIZER\.num_epochs: got 0/)
  t.regex(
    err,
    /! types\.yaml:6:16 {2}config\.OPTIMIZER\.num_epoch is not a known key; did you mean config\.OPTIMIZER\.num_epochs/,
  )
  t.regex(err, /✖ syntax\.yaml:/)
  t.regex(err, /✖ .*"swav_loss" needs/)
})

test('a wrong type does not hide the mistakes beside it, and is told once', async (t) => {
  const line = [
    'config.SEED_VALUE=x',
    'config.LOSS.name=nope',
    'config.LOSS.simclr_info_nce_loss.temperature=-1',
  ]
  const { code, err } = await config(cwd, 'check', 'config=quickstart', ...line)
  t.is(code, ExitCode.usage)
  t.is(err.match(/^✖ /gm)?.length, 3)
  t.regex(err, /SEED_VALUE: got "x"/)
  t.regex(err, /no loss named "nope"/)
  const type = await config(cwd, 'check', 'config=quickstart', 'config.DISTRIBUTED.NUM_NODES=x')
  t.is(type.err.match(/^✖ /gm)?.length, 1)
})

test("parameters of parts of one's own", async (t) => {
  const own = [
    "import { Loss, z } from 'vissl'",
    'export class Mine extends Loss {',
    "  static key = 'my_checked_loss'",
    "  static params = z.object({ t: z.number().positive().default(2).describe('uniformity') })",
    '  forward() { return undefined }',
    '}',
  ]
  writeFileSync(join(cwd, 'mine.mjs'), own.join('\n'))
  const base = ['config=quickstart', 'config.LOSS.name=my_checked_loss', '--plugin', './mine.mjs']
  t.is((await config(cwd, 'check', ...base, 'config.LOSS.my_checked_loss.t=3')).code, ExitCode.ok)
  const wrong = await config(cwd, 'check', ...base, 'config.LOSS.my_checked_loss.t=-3')
  t.is(wrong.code, ExitCode.usage)
  t.regex(wrong.err, /my_checked_loss\.t: got -3, allowed: a number above 0/)
  const { out } = await config(cwd, 'explain', 'LOSS.my_checked_loss.t', '--plugin', './mine.mjs')
  t.regex(out, /\n {2}uniformity\n.*default +2\n/s)
  const schema = JSON.parse((await config(cwd, 'schema', '--plugin', './mine.mjs')).out)
  t.is(schema.properties.config.properties.LOSS.properties.my_checked_loss.properties.t.default, 2)
})

test('unknown keys are mistakes with --strict', async (t) => {
  save('stray.yaml', 'config:\n  SEED: 3\n')
  const lenient = await config(cwd, 'check', 'stray.yaml')
  t.deepEqual([lenient.code, lenient.out], [ExitCode.ok, '✔ stray.yaml\n'])
  const strict = await config(cwd, 'check', 'stray.yaml', '--strict')
  t.deepEqual([strict.code, strict.out], [ExitCode.usage, ''])
  t.regex(strict.err, /^✖ stray\.yaml:3:9 {2}config\.SEED is not a known key/)
})

const refused: [string[], RegExp][] = [
  [['config.LOSS.name=simclr'], /config\.LOSS\.name: there is no loss named "simclr"/],
  [['config.LOSS.simclr_info_nce_loss.temperature=-1'], /temperature: got -1, allowed: a number above 0/],
  [['config.OPTIMIZER.name=sdg'], /no optimizer named "sdg"; did you mean sgd/],
  [['config.MODEL.TRUNK.NAME=resnat'], /no trunk named "resnat"/],
  [['config.MODEL.HEAD.PARAMS=[[mpl,{dims:[2,2]}]]'], /no head named "mpl"/],
  [['config.OPTIMIZER.param_schedulers.lr.lengths=[0.5]'], /2 schedulers need 2 lengths/],
  [['config.OPTIMIZER.name=sdg', 'config.LOSS.name=x'], /"sdg".*"x"|"x".*"sdg"/s],
]
for (const [overrides, message] of refused) {
  test(`refused as training would: ${overrides.join(' ')}`, async (t) => {
    const { code, out, err } = await config(cwd, 'check', 'config=quickstart', ...overrides)
    t.deepEqual([code, out], [ExitCode.usage, ''])
    t.regex(err, message)
  })
}

test('nothing to check', async (t) => {
  const { code, err } = await config(cwd, 'check')
  t.is(code, ExitCode.usage)
  t.regex(err, /nothing to check/)
})

test('keys that do not fit one another, and shapes that do not fit', async (t) => {
  const base = (await config(cwd, 'check', 'quickstart')).err
  t.is(base, '')
  const check = async (override: string) => (await config(cwd, 'check', 'quickstart', override)).err
  t.regex(
    await check('config.DATA.TRAIN.DATASET_NAMES=[a,b]'),
    /^✖ command line {2}config\.DATA\.TRAIN\.DATASET_NAMES has 2 names, and .*DATA_SOURCES has 1\n {2}fix: give one/,
  )
  // The trunk of the quick start gives 128 numbers.
  t.regex(
    await check('config.MODEL.HEAD.PARAMS=[[mlp,{dims:[77,5]}]]'),
    /^✖ .*takes 77 features, .*gives 128\n {2}fix: /,
  )
  t.regex(await check('config.METERS.names=[acc]'), /no meter named "acc"/)
  t.regex(
    await check('config.HOOKS.EXTRA=[x]'),
    /no hook named "x"\n {2}fix: give the module that has it: {2}--plugin/,
  )
})

test('keys that nothing reads are warnings, and mistakes with --strict', async (t) => {
  const args = ['check', 'quickstart', 'config.SLURM.USE_SLURM=true']
  const { code, err } = await config(cwd, ...args)
  t.is(code, ExitCode.ok)
  t.regex(err, /^! command line {2}config\.SLURM\.USE_SLURM has no effect: submit with sbatch/)
  t.is((await config(cwd, ...args, '--strict')).code, ExitCode.usage)
})
