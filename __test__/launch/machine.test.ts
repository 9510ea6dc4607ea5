import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { run } from '../../ts/cli/run.ts'
import { composeConfig } from '../../ts/config/index.ts'
import { ExitCode, VisslError } from '../../ts/errors.ts'
import { fitMachine, requireWorld } from '../../ts/launch/machine.ts'
import { Capture } from '../logging/output.ts'

const cwd = mkdtempSync(join(tmpdir(), 'vissl-machine-'))
test.after.always(() => rmSync(cwd, { recursive: true, force: true }))

const compose = (...overrides: string[]) =>
  composeConfig({ overrides: ['config=pretrain/simclr/simclr_8node_resnet', ...overrides], cwd }).config

const changes = [
  'config.MACHINE.DEVICE=cpu',
  'config.DISTRIBUTED.BACKEND=gloo',
  'config.DISTRIBUTED.NUM_NODES=1',
  'config.DISTRIBUTED.NUM_PROC_PER_NODE=1',
  'config.DATA.TRAIN.BATCHSIZE_PER_REPLICA=16',
  'config.DATA.TEST.BATCHSIZE_PER_REPLICA=16',
]

test('a machine that is smaller: the error gives the overrides, and they are what --fit-machine applies', (t) => {
  const error = t.throws(() => fitMachine(compose(), false, () => {}, 0), { instanceOf: VisslError })
  t.is(error.exitCode, ExitCode.usage)
  t.regex(error.message, /64 processes on gpu, and this machine has no usable GPU/)
  t.true(error.fix!.endsWith(changes.join(' ')))
  t.regex(error.fix!, /--fit-machine/)

  const said: string[] = []
  const fitted = fitMachine(compose(), true, (line) => said.push(line), 0)
  t.deepEqual(said, [`fitted to this machine: ${changes.join(' ')}`])
  t.deepEqual(fitted, compose(...changes))
  t.notThrows(() => requireWorld(fitted))
})

test('what fits stays as it is', (t) => {
  const config = compose(...changes, 'config.DATA.TRAIN.BATCHSIZE_PER_REPLICA=512')
  t.is(
    fitMachine(config, false, () => t.fail()),
    config,
  )
  t.is(
    fitMachine(config, true, () => t.fail()),
    config,
  )
  const gpu = compose('config.DATA.TRAIN.BATCHSIZE_PER_REPLICA=8', 'config.DISTRIBUTED.NUM_NODES=1')
  t.is(fitMachine(gpu, true, () => {}, 0).DATA.TRAIN.BATCHSIZE_PER_REPLICA, 8)
})

test('more processes than there are', (t) => {
  const config = compose('config.DISTRIBUTED.NUM_NODES=2', 'config.DISTRIBUTED.NUM_PROC_PER_NODE=4')
  t.throws(() => requireWorld(config), { message: /2 × 4 processes, and this run has 1/ })
})

test('a command line of VISSL on a small machine: checked, nothing written', async (t) => {
  const [stdout, stderr] = [new Capture(), new Capture()]
  const argv = [
    'train',
    'config=pretrain/simclr/simclr_8node_resnet',
    'config.DATA.TRAIN.DATA_SOURCES=[synthetic]',
    'config.DATA.TRAIN.DATA_LIMIT=64',
    'config.DATA.TRAIN.BATCHSIZE_PER_REPLICA=16',
    ...changes.slice(0, 4),
    '--fit-machine',
    '--dry-run',
  ]
  const code = await run(argv, { stdout, stderr, cwd, env: {} })
  t.is(code, ExitCode.ok, stderr.text)
  t.regex(
    stdout.text,
    /dry run: the first step works; \d+ phases and [\d,]+ steps would follow; nothing was written/,
  )
  t.deepEqual(readdirSync(cwd), [])
})
