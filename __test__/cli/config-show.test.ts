import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { parse } from 'yaml'
import { ExitCode } from '../../ts/errors.ts'
import { config } from './_config.ts'

const cwd = mkdtempSync(join(tmpdir(), 'vissl-config-'))
const simclr = 'config=pretrain/simclr/simclr_8node_resnet'
const oneNode = 'config.DISTRIBUTED.NUM_NODES=1'

test('inference is applied unless --raw is given', async (t) => {
  const key = ['OPTIMIZER.param_schedulers.lr.name', simclr, oneNode]
  t.is((await config(cwd, 'show', ...key)).out, 'cosine\n')
  t.is((await config(cwd, 'show', ...key, '--raw')).out, 'composite\n')
  const { out } = await config(cwd, 'show', ...key, '--origin')
  t.regex(out, /^config\.OPTIMIZER\.param_schedulers\.lr\.name: "cosine" {2}# rule ".+"\n$/)
})

test('YAML and JSON are the same tree, and the YAML composes to itself', async (t) => {
  const yaml = (await config(cwd, 'show', simclr)).out
  const json = (await config(cwd, 'show', simclr, '--json')).out
  t.deepEqual(parse(yaml, { version: '1.1' }), JSON.parse(json))
  writeFileSync(join(cwd, 'written.yaml'), `# @package _global_\n${yaml}`)
  const again = await config(cwd, 'show', 'config=./written.yaml', '--raw')
  t.deepEqual([again.code, again.out, again.err], [ExitCode.ok, yaml, ''])
})

test('JSON is strict: infinities and NaN are texts', async (t) => {
  const values = ['+config.LOSS.mine={a:inf,b:-inf,c:nan}', 'LOSS.mine']
  const { out } = await config(cwd, 'show', simclr, ...values, '--format=json')
  t.deepEqual(JSON.parse(out), { a: '.inf', b: '-.inf', c: '.nan' })
})

test('a value of a wrong type is shown with a warning, unless a rule calculates with it', async (t) => {
  const odd = await config(cwd, 'show', simclr, 'config.SEED_VALUE=ten', 'SEED_VALUE')
  t.deepEqual([odd.code, odd.out], [ExitCode.ok, 'ten\n'])
  t.regex(odd.err, /^! .*SEED_VALUE: got "ten" \(text\), allowed: a whole number/)
  const range = await config(cwd, 'show', simclr, 'config.LOG_FREQUENCY=0', 'LOG_FREQUENCY')
  t.deepEqual([range.code, range.out], [ExitCode.ok, '0\n'])
  for (const text of ['NUM_NODES=null', 'NUM_NODES=two', 'NUM_PROC_PER_NODE=[1]']) {
    const bad = ['show', simclr, `config.DISTRIBUTED.${text}`]
    t.is((await config(cwd, ...bad)).code, ExitCode.usage, text)
    t.is((await config(cwd, ...bad, '--raw')).code, ExitCode.ok, text)
  }
})

test('a folder given by --config-dir goes before the others', async (t) => {
  mkdirSync(join(cwd, 'mine/config'), { recursive: true })
  writeFileSync(join(cwd, 'mine/config/quickstart.yaml'), 'config: {SEED_VALUE: 12}\n')
  const args = ['show', 'config=quickstart', 'SEED_VALUE']
  t.is((await config(cwd, ...args, '--config-dir', 'mine')).out, '12\n')
  t.is((await config(cwd, ...args)).out, '0\n')
})

const mistakes: [string[], RegExp][] = [
  [['show'], /no configuration is chosen/],
  [['show', simclr, 'OPTIMIZER.num_epoch'], /did you mean {2}config\.OPTIMIZER\.num_epochs/],
  [['show', simclr, 'num_epochs', 'x'], /unexpected argument x/],
  [['show', simclr, '--format', 'xml'], /--format is "xml"\n {2}fix: choose yaml or json/],
  [['show', simclr, '--json', '--origin'], /origins are not printed as JSON/],
  [['show', simclr, 'config.OPTIMIZER.num_epoch=1'], /did you mean {2}config\.OPTIMIZER\.num_epochs/],
  [['show', simclr, '--plugin', './none.ts'], /there is no plug-in/],
]
for (const [argv, message] of mistakes) {
  test(`vissl config ${argv.join(' ')}`, async (t) => {
    const { code, out, err } = await config(cwd, ...argv)
    t.deepEqual([code, out], [ExitCode.usage, ''])
    t.regex(err, message)
    t.regex(err, /\n {2}fix: /)
  })
}
