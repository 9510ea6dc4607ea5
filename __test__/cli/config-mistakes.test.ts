import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { ExitCode } from '../../ts/errors.ts'
import { config } from './_config.ts'

/** Files with one mistake each. */
const files: Record<string, string> = {
  'type.yaml': 'config:\n  OPTIMIZER:\n    num_epochs: ten\n',
  'range.yaml': 'config:\n  LOG_FREQUENCY: 0\n  DATA: {TRAIN: {BATCHSIZE_PER_REPLICA: -4}}\n',
  'choice.yaml': 'config:\n  MODEL: {INPUT_TYPE: rbg}\n',
  'list.yaml': 'config:\n  DATA:\n    TRAIN:\n      TRANSFORMS:\n        - {size: 224}\n',
  'misspelt.yaml': 'config:\n  OPTIMISER:\n    num_epochs: 10\n',
  'nested.yaml': 'config:\n  OPTIMIZER:\n    num_epoch: 10\n',
  'twice.yaml': 'config:\n  SEED_VALUE: 1\n  SEED_VALUE: 2\n',
  'tab.yaml': 'config:\n\tSEED_VALUE: 1\n',
  'unclosed.yaml': 'config:\n  DATA: {TRAIN: {DATA_SOURCES: [disk_folder\n',
  'quote.yaml': 'config:\n  LOSS: {name: "simclr}\n',
  'alone.yaml': 'just text\n',
  'sequence.yaml': '- config\n',
  'blocked.yaml': 'config: 3\n',
  'proto.yaml': 'config:\n  __proto__: {polluted: true}\n',
  'alias.yaml': 'config:\n  A: *nowhere\n',
}

const base = 'config=pretrain/simclr/simclr_8node_resnet'
const swav = 'config=pretrain/swav/swav_8node_resnet'
const mistakes: string[][] = [
  ...Object.keys(files).map((file) => ['check', `./${file}`, '--strict']),
  ['check', 'config=pretrain/simclr'],
  ['check', 'config=pretrain/simclr/simclr_8nodes_resnet'],
  ['check', base, 'config.OPTIMIZER.num_epoch=100'],
  ['check', base, 'OPTIMIZER.num_epochs=100'],
  ['check', base, '+config.SEED_VALUE=1'],
  ['check', base, 'config.NEW_KEY=1'],
  ['check', base, '~config.NOT_THERE'],
  ['check', base, '~config.SEED_VALUE=99'],
  ['check', base, 'config.SEED_VALUE='],
  ['check', base, 'config.SEED_VALUE=1,2'],
  ['check', base, 'config.CHECKPOINT.DIR=a=b'],
  ['check', base, 'config.DATA.TRAIN.DATA_PATHS=[/a'],
  ['check', base, 'config.DATA.TRAIN.TRANSFORMS[0].name=x'],
  ['check', base, 'config.DATA.TRAIN.TRANSFORMS.99.name=x'],
  ['check', base, 'config.SEED_VALUE.deep=1'],
  ['check', base, 'config/pretrain/simclr/models=resnext101'],
  ['check', base, '+config/pretrain/simclr/models=resnext102'],
  ['check', base, '+config/pretrain/simcler/models=resnext101'],
  ['check', base, 'config.LOSS.name=simclr_info_nce'],
  ['check', base, 'config.OPTIMIZER.param_schedulers.lr.name=cosin'],
  ['check', base, 'config.SEED_VALUE=x', 'config.LOG_FREQUENCY=0', 'config.TEST_ONLY=maybe'],
  ['check', base, 'VERSION=2'],
  ['check', swav, 'config.DATA.TRAIN.COLLATE_FUNCTION=default_collate'],
  ['check', swav, 'config.MODEL.HEAD.PARAMS=[[mlp,{dims:[2048,128]}]]'],
]

test('config check finds each mistake, prints nothing but that, and exits with 2', async (t) => {
  const cwd = mkdtempSync(join(tmpdir(), 'vissl-config-'))
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(join(cwd, name), `# @package _global_\n${text}`)
  }
  for (const argv of mistakes) {
    const { code, out, err } = await config(cwd, ...argv)
    const line = argv.map((word) => (/[\s[\]{}~]/.test(word) ? `'${word}'` : word)).join(' ')
    t.is(code, ExitCode.usage, line)
    t.is(out, '', line)
    t.regex(err, /^✖ /, line)
    t.notRegex(err, /internal error|undefined|\[object/, line)
  }
  t.false('polluted' in {})
})
