import test from 'ava'
import { composeConfig, historyOf, inferConfig } from '../../ts/config/index.ts'
import { workFolder } from './helpers.ts'

const cwd = workFolder({
  'config/base.yaml': `config:
  SEED_VALUE: 7
  DISTRIBUTED: {NUM_NODES: 1, NUM_PROC_PER_NODE: 2}
  DATA: {TRAIN: {BATCHSIZE_PER_REPLICA: 8, TRANSFORMS: [{name: A, size: 1}, {name: B}]}}
  LOSS: {name: simclr_info_nce_loss, simclr_info_nce_loss: {buffer_params: {world_size: 5}}}
`,
  'config/over/a.yaml': 'config: {SEED_VALUE: 8, LOG_FREQUENCY: 10}\n',
})
const { config, origins } = composeConfig({
  config: 'base',
  overrides: [
    '+config/over=a',
    'config.SEED_VALUE=9',
    'config.DATA.TRAIN.TRANSFORMS.0.size=2',
    '~config.MODEL.HEAD.BATCHNORM_EPS',
  ],
  cwd,
})
inferConfig(config, { origins })
const history = (key: string) => historyOf(origins, key).map(({ origin, value }) => [origin.kind, value])

test('a key has the values of default, files, command line and rules, oldest first', (t) => {
  t.deepEqual(history('config.SEED_VALUE'), [
    ['default', 0],
    ['file', 7],
    ['file', 8],
    ['override', 9],
  ])
  t.deepEqual(historyOf(origins, 'config.SEED_VALUE')[1]?.origin, {
    kind: 'file',
    file: 'configs/config/base.yaml',
    line: 2,
    column: 15,
  })
  t.deepEqual(history('config.LOSS.simclr_info_nce_loss.buffer_params.world_size'), [
    ['default', 64],
    ['file', 5],
    ['rule', 2],
  ])
})

test('the same value given again is a step; keys beside it have none', (t) => {
  t.deepEqual(history('config.LOG_FREQUENCY'), [
    ['default', 10],
    ['file', 10],
  ])
  t.deepEqual(history('config.TEST_ONLY'), [['default', false]])
  t.deepEqual(history('config.NOPE'), [])
})

test('a list that was changed inside, and a key that was removed', (t) => {
  t.deepEqual(history('config.DATA.TRAIN.TRANSFORMS'), [
    ['default', []],
    ['file', [{ name: 'A', size: 1 }, { name: 'B' }]],
    ['override', [{ name: 'A', size: 2 }, { name: 'B' }]],
  ])
  t.deepEqual(history('config.DATA.TRAIN.TRANSFORMS.0.size'), [
    ['file', 1],
    ['override', 2],
  ])
  t.deepEqual(history('config.MODEL.HEAD.BATCHNORM_EPS'), [
    ['default', 1e-5],
    ['override', undefined],
  ])
})
