import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { allKeys } from '../../ts/config/index.ts'
import { ExitCode } from '../../ts/errors.ts'
import { config } from './_config.ts'

const cwd = mkdtempSync(join(tmpdir(), 'vissl-config-'))
const simclr = 'config=pretrain/simclr/simclr_8node_resnet'

test('what a key is: description, type, default, choices', async (t) => {
  const { code, out } = await config(cwd, 'explain', 'OPTIMIZER.num_epochs')
  t.is(code, ExitCode.ok)
  t.regex(out, /^config\.OPTIMIZER\.num_epochs\n {2}\w.*\n\n/)
  t.regex(out, /\n {2}type +a whole number of at least 1\n/)
  t.regex(out, /\n {2}default +90\n/)
  t.is((await config(cwd, 'explain', 'config.OPTIMIZER.num_epochs')).out, out)
  const choice = await config(cwd, 'explain', 'OPTIMIZER.param_schedulers.lr.update_interval')
  t.regex(choice.out, /\n {2}choices +epoch, step\n/)
  const name = await config(cwd, 'explain', 'OPTIMIZER.name')
  t.regex(name.out, /\n {2}names +adadelta, .*\badamw, .*\bsgd\n/s)
})

test('every value with its origin in order, the last one in force', async (t) => {
  writeFileSync(join(cwd, 'mine.yaml'), '# @package _global_\nconfig:\n  SEED_VALUE: 3\n')
  const { out } = await config(
    cwd,
    'explain',
    'SEED_VALUE',
    'config=./mine.yaml',
    'config.SEED_VALUE=4',
    'config.SEED_VALUE=5',
  )
  t.deepEqual(out.trimEnd().split('\n').slice(-4), [
    '  0  default',
    '  3  mine.yaml:3:15',
    '  4  command line: config.SEED_VALUE=4',
    '  5  command line: config.SEED_VALUE=5  ← in force',
  ])
})

test('rules are shown after what they replace, and left out with --raw', async (t) => {
  const key = ['LOSS.simclr_info_nce_loss.buffer_params.effective_batch_size', simclr]
  const steps = [...key, 'config.DISTRIBUTED.NUM_NODES=1']
  const { out } = await config(cwd, 'explain', ...steps)
  t.regex(out, /\n {2}1024 +rule ".+" +← in force\n$/)
  const raw = await config(cwd, 'explain', ...steps, '--raw')
  t.notRegex(raw.out, /rule/)
  t.regex(raw.out, /← in force\n$/)
})

test('a block shows its keys, one a line', async (t) => {
  const { out } = await config(cwd, 'explain', 'MODEL.SYNC_BN_CONFIG', simclr, 'config.SEED_VALUE=1')
  t.regex(out, /^config\.MODEL\.SYNC_BN_CONFIG\n/)
  t.regex(out, /\n {2}CONVERT_BN_TO_SYNC_BN +true +\w/)
  t.regex(out, /\n {2}GROUP_SIZE +8 +\w/)
  const whole = await config(cwd, 'explain', 'config')
  for (const name of ['DATA.', 'MODEL.', 'SEED_VALUE']) t.true(whole.out.includes(`\n  ${name} `), name)
})

test('elements of lists and keys that vissl does not know', async (t) => {
  const name = await config(cwd, 'explain', 'DATA.TRAIN.TRANSFORMS.0.name', simclr)
  t.regex(name.out, /"ImgReplicatePil" +configs\/config\/pretrain\/simclr\/.+\.yaml:\d+:\d+ +← in force\n$/)
  const own = await config(cwd, 'explain', 'MINE.x', simclr, '+config.MINE.x=1')
  t.regex(own.out, /not a key of vissl.*\n {2}1 +command line: \+config\.MINE\.x=1 +← in force\n$/s)
})

test('every key can be explained', async (t) => {
  const { explainKey } = await import('../../ts/config/explain.ts')
  for (const key of allKeys()) {
    const { key: described } = explainKey(key.split('.'))
    t.is(described.path, key)
    t.not(described.description, '', key)
  }
})

const mistakes: [string[], RegExp][] = [
  [['explain'], /no key is given/],
  [['explain', 'config.OPTIMIZER.num_epoch'], /did you mean {2}config\.OPTIMIZER\.num_epochs/],
  [['explain', 'num_epochs'], /did you mean {2}config\.OPTIMIZER\.num_epochs/],
  [['explain', 'SEED_VALUE', 'config=pretrain/simclr/simclr_8node'], /did you mean {2}config=pretrain/],
  [['explain', 'SEED_VALUE', 'config.SEED_VALUE=1'], /no configuration is chosen/],
]
for (const [argv, message] of mistakes) {
  test(`vissl config ${argv.join(' ')}`, async (t) => {
    const { code, out, err } = await config(cwd, ...argv)
    t.deepEqual([code, out], [ExitCode.usage, ''])
    t.regex(err, message)
  })
}
