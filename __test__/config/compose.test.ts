import { readFileSync } from 'node:fs'
import test from 'ava'
import { z } from 'zod'
import { composeConfig, composeTree, inferConfig, originOf } from '../../ts/config/index.ts'
import { ExitCode, VisslError } from '../../ts/errors.ts'
import { workFolder } from './helpers.ts'

const files = {
  'config/base.yaml': `# @package _global_
config:
  SEED_VALUE: 7
  DATA:
    TRAIN:
      TRANSFORMS:
        - name: RandomResizedCrop
          size: 28
        - name: ToTensor
  OPTIMIZER:
    num_epochs: 3
`,
  'config/group/models/a.yaml':
    'config:\n  MODEL: {TRUNK: {TRUNK_PARAMS: {RESNETS: {DEPTH: 101}}}}\n  SEED_VALUE: 8\n',
  'config/group/models/b.yaml':
    'config:\n  SEED_VALUE: 9\n  OPTIMIZER: {param_schedulers: {lr: {values: [1.0]}}}\n',
}
const cwd = workFolder(files)
const compose = (...overrides: string[]) => composeConfig({ overrides: ['config=base', ...overrides], cwd })
const failure = (...overrides: string[]): VisslError => {
  try {
    compose(...overrides)
  } catch (error) {
    if (error instanceof VisslError) return error
    throw error
  }
  throw new Error('composed')
}

test('defaults, file, overlays, values: the later one counts', (t) => {
  t.is(compose().config.SEED_VALUE, 7)
  t.is(compose().config.OPTIMIZER.momentum, 0.9)
  const { config } = compose('config.SEED_VALUE=1', '+config/group/models=a')
  t.is(config.SEED_VALUE, 1)
  t.is(config.MODEL.TRUNK.TRUNK_PARAMS.RESNETS.DEPTH, 101)
  t.is(config.MODEL.TRUNK.TRUNK_PARAMS.RESNETS.WIDTH_PER_GROUP, 64)
  t.deepEqual(compose('+config/group/models=b').config.OPTIMIZER.param_schedulers.lr.values, [1])
  t.is(
    compose('+config/group/models=a', '+config/group/models=b').config.MODEL.TRUNK.TRUNK_PARAMS.RESNETS.DEPTH,
    101,
  )
})

test('a path with a dot in front names a file', (t) => {
  t.is(composeConfig({ overrides: ['config=./configs/config/base.yaml'], cwd }).config.SEED_VALUE, 7)
  t.throws(() => composeConfig({ overrides: ['config=./nope.yaml'], cwd }), {
    message: /no configuration file/,
  })
})

test('values replace, maps merge, list elements are reached by index', (t) => {
  const { config } = compose(
    'config.DATA.TRAIN.TRANSFORMS.0.size=32',
    'config.OPTIMIZER.larc_config={clip:true}',
    'config.METERS.accuracy_list_meter.topk_values=[1,5]',
  )
  t.deepEqual(config.DATA.TRAIN.TRANSFORMS, [{ name: 'RandomResizedCrop', size: 32 }, { name: 'ToTensor' }])
  t.deepEqual(config.OPTIMIZER.larc_config, { clip: true, eps: 1e-8, trust_coefficient: 0.001 })
  t.deepEqual(config.METERS.accuracy_list_meter.topk_values, [1, 5])
})

test('keys are added and deleted', (t) => {
  t.is((compose('+config.NEW.DEEP=1').config as unknown as { NEW: { DEEP: number } }).NEW.DEEP, 1)
  const { tree } = composeTree({ overrides: ['config=base', '~config.OPTIMIZER.num_epochs'], cwd })
  t.false('num_epochs' in ((tree.config as { OPTIMIZER: object }).OPTIMIZER as object))
  t.notThrows(() => compose('~config.SEED_VALUE=7'))
  t.true(failure('~config.SEED_VALUE=99').message.includes('is 7'))
  t.true(failure('~config.NOPE').message.includes('does not exist'))
  t.true(failure('+config.SEED_VALUE=1').message.includes('exists already'))
  t.notThrows(() => compose('++config.SEED_VALUE=1'))
  t.notThrows(() => compose('+config.OPTIMIZER.betas=[0.9,0.99]'))
})

test('origins tell where values came from', (t) => {
  const { origins } = compose('config.LOG_FREQUENCY=2')
  const file = 'configs/config/base.yaml'
  t.deepEqual(originOf(origins, 'config.SEED_VALUE'), { kind: 'file', file, line: 3, column: 15 })
  t.deepEqual(originOf(origins, 'config.DATA.TRAIN.TRANSFORMS.0.size'), {
    kind: 'file',
    file,
    line: 8,
    column: 17,
  })
  t.deepEqual(originOf(origins, 'config.LOG_FREQUENCY'), { kind: 'override', text: 'config.LOG_FREQUENCY=2' })
  t.deepEqual(originOf(origins, 'config.CHECKPOINT.DIR'), { kind: 'default' })
})

test('an unknown key of the command line is an error that names the near one', (t) => {
  const error = failure('config.OPTIMIZER.num_epoch=100')
  t.is(error.exitCode, ExitCode.usage)
  t.is(error.message, 'config.OPTIMIZER.num_epoch is not a known key')
  t.is(
    error.fix,
    'did you mean  config.OPTIMIZER.num_epochs ?      (to add a new key write  +config.OPTIMIZER.num_epoch=100)',
  )
  t.true(failure('num_epochs=1').fix?.includes('config.OPTIMIZER.num_epochs'))
  t.true(failure('OPTIMIZER.num_epochs=1').fix?.includes('config.OPTIMIZER.num_epochs'))
  t.true(failure('config.SEED_VALUE.x=1').message.includes('not a map'))
  t.true(failure('config.DATA.TRAIN.TRANSFORMS.5.name=x').message.includes('elements 0 to 1'))
})

test('unknown keys of files are warnings with a place', (t) => {
  const folder = workFolder({
    'config/x.yaml':
      'config:\n  SEED_VALU: 1\n  OPTIMIZER: {num_epoch: 3, alpha: 0.9}\n  LOSS: {name: mine, mine: {t: 1}}\n',
  })
  const { warnings } = composeConfig({ config: 'x', cwd: folder })
  t.deepEqual(warnings, [
    'configs/config/x.yaml:2:14  config.SEED_VALU is not a known key; did you mean config.SEED_VALUE?',
    'configs/config/x.yaml:3:26  config.OPTIMIZER.num_epoch is not a known key; did you mean config.OPTIMIZER.num_epochs?',
  ])
})

test('a value of a wrong type is shown in its file', (t) => {
  const folder = workFolder({ 'config/x.yaml': 'config:\n  OPTIMIZER:\n    num_epochs: ten\n' })
  const error = t.throws(() => composeConfig({ config: 'x', cwd: folder }), { instanceOf: VisslError })
  t.is(
    error?.message,
    [
      'configs/config/x.yaml:3:17  config.OPTIMIZER.num_epochs: got "ten" (text), allowed: a whole number of at least 1',
      '    3 │     num_epochs: ten',
      '                        ^',
    ].join('\n'),
  )
})

test('several mistakes are reported together', (t) => {
  const { message } = failure('config.SEED_VALUE=1.5', 'config.MACHINE.DEVICE=tpu', 'config.NOPE=1')
  t.true(message.startsWith('3 mistakes'))
  t.true(message.includes('allowed: one of "gpu", "cpu"'))
})

test('values of a wrong type are left to look at', (t) => {
  const { tree, checked } = composeTree({ overrides: ['config=base', 'config.SEED_VALUE=x'], cwd })
  t.is((tree.config as { SEED_VALUE: unknown }).SEED_VALUE, 'x')
  t.false(checked.ok)
})

test('missing files and groups list what there is', (t) => {
  const error = (request: Parameters<typeof composeConfig>[0]) =>
    t.throws(() => composeConfig(request), { instanceOf: VisslError })
  t.true(error({ cwd })?.fix?.includes('quickstart'))
  t.true(error({ config: 'quickstrt', cwd })?.message.includes('config=quickstart'))
  t.true(error({ config: 'pretrain/simclr', cwd })?.message.includes('is a folder'))
  t.true(failure('+config/group/models=c').fix?.includes('a, b'))
  t.true(failure('config/group/models=a').fix?.includes('+config/group/models=a'))
  t.true(failure('+config/group/nothing=a').message.includes('no folder'))
  t.true(failure('+config/group/model=a').fix?.includes('+config/group/models=a'))
  t.true(failure('+config/group/models=[a]').message.includes('name of one file'))
  t.true(failure('VERSION=2').message.includes('allowed: 1'))
})

test('parts of one’s own bring their parameters', (t) => {
  const extensions = { 'LOSS.mine': z.object({ t: z.number().positive().default(2) }) }
  const own = (...overrides: string[]) => composeConfig({ config: 'base', overrides, cwd, extensions })
  const mine = (config: object) => (config as { LOSS: { mine: unknown } }).LOSS.mine
  t.deepEqual(mine(own().config), { t: 2 })
  t.deepEqual(mine(own('config.LOSS.mine.t=3').config), { t: 3 })
  t.throws(() => own('config.LOSS.mine.t=-1'), { message: /above 0/ })
  t.throws(() => own('config.LOSS.mine.tt=1'), { message: /not a known key/ })
})

test('the working folder goes before the package', (t) => {
  const folder = workFolder({ 'config/quickstart.yaml': 'config: {SEED_VALUE: 42}\n' })
  t.is(composeConfig({ config: 'quickstart', cwd: folder }).config.SEED_VALUE, 42)
  t.is(composeConfig({ config: 'quickstart', cwd }).config.MODEL.TRUNK.TRUNK_PARAMS.RESNETS.DEPTH, 18)
})

test('the SimCLR base composes to the reference’s tree', (t) => {
  const golden = JSON.parse(
    readFileSync(new URL('../golden/config/simclr_8node_resnet.json', import.meta.url), 'utf8'),
  ) as object
  const { tree, warnings } = composeTree({ config: 'pretrain/simclr/simclr_8node_resnet', cwd })
  t.deepEqual(warnings, [])
  t.like(tree, golden)
})

test('`__proto__` is a key like any other', (t) => {
  compose('+config.__proto__.polluted=1')
  t.is(({} as { polluted?: unknown }).polluted, undefined)
})

test('what is removed is missed by inference where a rule needs it, and has its default elsewhere', (t) => {
  const { config, origins, warnings } = compose('~config.LOSS')
  t.regex(warnings.join(), /config\.LOSS was removed/)
  t.throws(() => inferConfig(config, { origins }), {
    message: 'command line: ~config.LOSS  removes config.LOSS.name, and inference needs it',
  })
  t.is(inferConfig(compose('~config.SVM').config).SVM.max_iter, 2000)
  const { lr, lr_head } = inferConfig(compose('~config.OPTIMIZER.param_schedulers.lr_head').config).OPTIMIZER
    .param_schedulers
  t.deepEqual(lr_head, lr)
})

test('keys that do not fit one another are mistakes', (t) => {
  const { message } = failure('config.DATA.TRAIN.DATA_SOURCES=[a,b]', 'config.DATA.TRAIN.DATA_PATHS=[/a]')
  t.regex(message, /DATASET_NAMES has 1 names, and config.DATA.TRAIN.DATA_SOURCES has 2/)
  t.regex(message, /DATA_PATHS has 1 paths/)
  t.regex(
    failure('config.MODEL.MULTI_INPUT_HEAD_MAPPING=[[a,[res5]],[a,[res4]]]').message,
    /names the input a twice/,
  )
})

test('a file is put where its first comment or the command line says', (t) => {
  const folder = workFolder({
    'config/base.yaml': 'config: {SEED_VALUE: 1}\n',
    'config/over/plain.yaml': 'SEED_VALUE: 2\n',
    'config/over/head.yaml': '# @package config.OPTIMIZER\nname: adam\nnum_epoch: 3\n',
  })
  const at = (...overrides: string[]) =>
    composeConfig({
      overrides: ['config=base', ...overrides],
      cwd: folder,
      configDirs: [`${folder}/configs`],
    })
  const plain = at('+config/over@config=plain')
  t.is(plain.config.SEED_VALUE, 2)
  t.deepEqual(originOf(plain.origins, 'config.SEED_VALUE'), {
    kind: 'file',
    file: 'configs/config/over/plain.yaml',
    line: 1,
    column: 13,
  })
  const head = at('+config/over=head')
  t.is(head.config.OPTIMIZER.name, 'adam')
  t.is(
    head.warnings[0],
    'configs/config/over/head.yaml:3:12  config.OPTIMIZER.num_epoch is not a known key; did you mean config.OPTIMIZER.num_epochs?',
  )
})

test('paths of VISSL 0.1.6 set the keys of 0.1.5, in files and on the command line', (t) => {
  const folder = workFolder({
    'config/moved.yaml': `config:
  MODEL: {TRUNK: {RESNETS: {DEPTH: 101}}, TRUNK_PARAMS: {}}
  HOOKS: {TENSORBOARD_SETUP: {USE_TENSORBOARD: true}, PERF_STATS: {PERF_STAT_FREQUENCY: 5}}
  CLUSTERFIT: {NUM_ITER: 3, N_ITER: 4}
`,
  })
  const at = (...overrides: string[]) =>
    composeConfig({ overrides: ['config=moved', ...overrides], cwd: folder })
  const { config, origins, warnings } = at('config.IMG_RETRIEVAL.TRAIN_PCA_WHITENING=false')
  t.is(config.MODEL.TRUNK.TRUNK_PARAMS.RESNETS.DEPTH, 101)
  t.is(config.TENSORBOARD_SETUP.USE_TENSORBOARD, true)
  t.is(config.PERF_STAT_FREQUENCY, 5)
  t.is(config.CLUSTERFIT.N_ITER, 4)
  t.is(config.IMG_RETRIEVAL.SHOULD_TRAIN_PCA_OR_WHITENING, false)
  t.like(originOf(origins, 'config.TENSORBOARD_SETUP.USE_TENSORBOARD'), { kind: 'file', line: 3 })
  t.true(warnings.some((text) => text.includes('config.CLUSTERFIT.NUM_ITER is ignored')))
  t.false(warnings.some((text) => text.includes('HOOKS')))
  t.is(at('config.MODEL.TRUNK.RESNETS.DEPTH=152').config.MODEL.TRUNK.TRUNK_PARAMS.RESNETS.DEPTH, 152)
})

test('a block that is empty in a file has its defaults; null on the command line is a mistake', (t) => {
  const folder = workFolder({ 'config/empty.yaml': 'config:\n  MACHINE:\n  SEED_VALUE: 4\n' })
  const { tree } = composeTree({ config: 'empty', cwd: folder })
  t.is((tree.config as { MACHINE: unknown }).MACHINE, null)
  t.is(composeConfig({ config: 'empty', cwd: folder }).config.MACHINE.DEVICE, 'gpu')
  t.regex(failure('config.MACHINE=null').message, /config\.MACHINE: got null, allowed: a map/)
})

test('what VISSL 0.1.6 added may be set with + as in 0.1.5, and without', (t) => {
  for (const plus of ['+', '']) {
    const { config } = compose(
      `${plus}config.IMG_RETRIEVAL.DEBUG_MODE=true`,
      `${plus}config.OPTIMIZER.betas=[0.8,0.9]`,
    )
    t.true(config.IMG_RETRIEVAL.DEBUG_MODE)
    t.deepEqual(config.OPTIMIZER.betas, [0.8, 0.9])
  }
})
