import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { run } from '../../ts/cli/run.ts'
import { composeConfig } from '../../ts/config/index.ts'
import { reproducible, runName } from '../../ts/launch/reproducible.ts'
import { Capture } from '../logging/output.ts'
import { tiny } from '../train/_run.ts'
import { png } from './_images.ts'

const cwd = mkdtempSync(join(tmpdir(), 'vissl-reproduce-'))
test.after.always(() => rmSync(cwd, { recursive: true, force: true }))

const lossesOf = (run: string): number[] =>
  readFileSync(join(run, 'metrics.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((row) => JSON.parse(row) as { type: string; loss: number })
    .flatMap(({ type, loss }) => (type === 'step' ? [loss] : []))

async function vissl(at: string, ...args: string[]): Promise<string> {
  const [stdout, stderr] = [new Capture(), new Capture()]
  const code = await run(['train', ...args], { stdout, stderr, cwd: at, env: {} })
  if (code !== 0) throw new Error(stderr.text)
  return stdout.text
}

test.serial('train_config.yaml trains the run again, from another folder', async (t) => {
  const photos = join(cwd, 'photos')
  mkdirSync(photos)
  for (let i = 0; i < 12; i++) writeFileSync(join(photos, `${i}.png`), png(20, i))
  const small = [
    'config.MODEL.TRUNK.TRUNK_PARAMS.RESNETS.BASE_WIDTH=4',
    'config.MODEL.HEAD.PARAMS=[[mlp,{dims:[32,128]}]]',
    'config.OPTIMIZER.num_epochs=2',
    'config.MACHINE.MEMORY_FORMAT=channels_last',
  ]
  await vissl(cwd, 'photos', ...small)
  const file = join(cwd, 'runs/photos-1/train_config.yaml')
  t.regex(readFileSync(file, 'utf8'), /^# @package _global_\n# trains this run again: vissl train config=/)
  const elsewhere = join(cwd, 'elsewhere')
  mkdirSync(elsewhere)
  await vissl(elsewhere, `config=${file}`)
  const again = lossesOf(join(elsewhere, 'runs/photos-1'))
  t.true(again.length >= 2)
  t.deepEqual(again, lossesOf(join(cwd, 'runs/photos-1')))
})

test.serial('a run with a folder of its own is trained again in a new one', async (t) => {
  await vissl(cwd, ...tiny, 'config.CHECKPOINT.DIR=mine', 'config.OPTIMIZER.num_epochs=1')
  await vissl(cwd, 'config=mine/train_config.yaml')
  t.deepEqual(lossesOf(join(cwd, 'runs/mine-1')), lossesOf(join(cwd, 'mine')))
})

test('paths become absolute, addresses and empty ones stay', (t) => {
  const { config } = composeConfig({
    overrides: [
      'config=quickstart',
      'config.DATA.TRAIN.DATA_SOURCES=[idx,idx,idx]',
      'config.DATA.TRAIN.DATASET_NAMES=[a,b,c]',
      "config.DATA.TRAIN.DATA_PATHS=[a/b,'',/c]",
      'config.MODEL.WEIGHTS_INIT.PARAMS_FILE=https://example.org/x.torch',
      'config.CHECKPOINT.DIR=out',
    ],
    cwd,
  })
  const { DATA, MODEL, CHECKPOINT } = reproducible(config, '/home')
  t.deepEqual(DATA.TRAIN.DATA_PATHS, ['/home/a/b', '', '/c'])
  t.is(MODEL.WEIGHTS_INIT.PARAMS_FILE, 'https://example.org/x.torch')
  t.is(CHECKPOINT.DIR, '.')
  t.is(config.CHECKPOINT.DIR, 'out')
})

test('runs are named after their configuration', (t) => {
  t.is(runName('pretrain/swav/swav_8node_resnet', undefined), 'swav_8node_resnet')
  t.is(runName('folder', '/data/my photos'), 'my photos')
  t.is(runName('runs/quickstart-12/train_config', undefined), 'quickstart')
})
