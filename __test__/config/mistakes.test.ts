import { readFileSync, writeFileSync } from 'node:fs'
import test from 'ava'
import { composeConfig, composeTree, inferTree } from '../../ts/config/index.ts'
import { VisslError } from '../../ts/errors.ts'
import { workFolder } from './helpers.ts'

const files: Readonly<Record<string, string>> = {
  'config/mine.yaml': `# @package _global_
config:
  SEED_VALUE: 7
  DISTRIBUTED: {NUM_NODES: 1, NUM_PROC_PER_NODE: 1}
  DATA:
    TRAIN:
      TRANSFORMS:
        - name: RandomResizedCrop
          size: 28
        - name: ToTensor
`,
  'config/wrong_type.yaml': 'config:\n  OPTIMIZER:\n    num_epochs: ten\n    nesterov: 1\n',
  'config/misspelt.yaml': 'config:\n  OPTIMISER: {num_epochs: 3}\n  OPTIMIZER: {num_epoch: 3}\n',
  'config/twice.yaml': 'config:\n  SEED_VALUE: 1\n  SEED_VALUE: 2\n',
  'config/tab.yaml': 'config:\n\tSEED_VALUE: 1\n',
  'config/unclosed.yaml': 'config:\n  SEED_VALUE: "1\n',
  'config/list.yaml': '- a\n',
  'config/header.yaml': '# @package config SEED_VALUE\nx: 1\n',
  'config/old.yaml': 'VERSION: 0\nconfig: {}\n',
  'config/group/models/a.yaml': 'config: {SEED_VALUE: 8}\n',
  'config/group/models/b.yaml': 'config: {SEED_VALUE: 9}\n',
}

const M = 'config=mine'
/** What is wrong, and the command line with it. */
const cases: readonly (readonly [string, ...string[]])[] = [
  ['no configuration chosen'],
  ['a name misspelt', 'config=mien'],
  ['a folder instead of a file', 'config=group/models'],
  ['a file that is not there', 'config=./none.yaml'],
  ['a name that leaves the folders', 'config=../../secret'],
  ['a second base', M, '+config=mine'],
  ['an overlay misspelt', M, '+config/group/models=c'],
  ['an overlay without +', M, 'config/group/models=a'],
  ['a folder of overlays misspelt', M, '+config/group/model=a'],
  ['several overlays at once', M, '+config/group/models=[a,b]'],
  ['an overlay taken back', M, '+config/group/models=a', '~config/group/models'],
  ['a key misspelt', M, 'config.OPTIMIZER.num_epoch=100'],
  ['a key without its blocks', M, 'num_epochs=100'],
  ['a key without config.', M, 'OPTIMIZER.num_epochs=100'],
  ['a new key without +', M, 'config.MY_KEY=1'],
  ['a needless +', M, '+config.SEED_VALUE=1'],
  ['a key that cannot be removed', M, '~config.SEED_VALU'],
  ['a key removed by another value', M, '~config.SEED_VALUE=1'],
  ['a key below a number', M, 'config.SEED_VALUE.x=1'],
  ['a list element by brackets', M, 'config.DATA.TRAIN.TRANSFORMS[0].size=32'],
  ['a list element that is not there', M, 'config.DATA.TRAIN.TRANSFORMS.5.size=32'],
  ['a map for a list', M, 'config.DATA.TRAIN.DATA_PATHS={a:1}'],
  ['no =', M, 'config.SEED_VALUE'],
  ['two =', M, 'config.CHECKPOINT.DIR=a=b'],
  ['a list without brackets', M, 'config.DATA.TRAIN.DATA_PATHS=/a,/b'],
  ['an open bracket', M, 'config.DATA.TRAIN.DATA_PATHS=[/a,/b'],
  ['an open quote', M, "config.CHECKPOINT.DIR='/a b"],
  ['a sweep', M, 'config.SEED_VALUE=range(1,3)'],
  ['space in a key', M, 'config.SEED_VALUE = 1'],
  ['an option of another program', M, '--multirun'],
  ['text for a number', M, 'config.OPTIMIZER.num_epochs=ten'],
  ['a fraction for a whole number', M, 'config.OPTIMIZER.num_epochs=1.5'],
  ['a number out of range', M, 'config.OPTIMIZER.momentum=1.5'],
  ['a choice misspelt', M, 'config.MACHINE.DEVICE=gpuu'],
  ['yes for true', M, 'config.TEST_ONLY=yes'],
  ['several mistakes', M, 'config.SEED_VALUE=x', 'config.NOPE=1', 'config.A[0]=1', '+config/group/model=a'],
  ['a wrong type in a file', 'config=wrong_type'],
  ['keys of a file misspelt (warnings)', 'config=misspelt'],
  ['a key twice in a file', 'config=twice'],
  ['a tab in a file', 'config=tab'],
  ['an open quote in a file', 'config=unclosed'],
  ['a list in a file', 'config=list'],
  ['a comment that is no directive', 'config=header'],
  ['another version', 'config=old'],
  ['an interpolation (a warning)', M, `config.CHECKPOINT.DIR=${'$'}{config.SEED_VALUE}`],
  ['a removed block that is needed', M, '~config.LOSS'],
  ['a loss without parameters', M, 'config.LOSS.name=my_simclr_info_nce_loss'],
  ['a loss without its head', M, 'config.LOSS.name=swav_loss'],
  [
    'a schedule that cannot be scaled',
    M,
    'config.OPTIMIZER.param_schedulers.lr.name=polynomial',
    'config.OPTIMIZER.param_schedulers.lr.auto_lr_scaling.auto_scale=true',
  ],
  [
    'a batch of nothing',
    M,
    'config.OPTIMIZER.param_schedulers.lr={auto_lr_scaling:{auto_scale:true,base_lr_batch_size:0}}',
  ],
  ['lists that do not fit', M, 'config.DATA.TRAIN.DATA_SOURCES=[disk_folder,disk_folder]'],
]

const cwd = workFolder(files)

/** What is printed, as the command line prints it; paths of this machine shortened. */
function printed(overrides: readonly string[]): string {
  const request = { overrides, cwd, configDirs: [`${cwd}/configs`] }
  const lines: string[] = []
  try {
    const { warnings } = composeConfig(request)
    lines.push(...warnings.map((warning) => `! ${warning}`))
    inferTree(composeTree(request))
  } catch (error) {
    if (!(error instanceof VisslError)) throw error
    lines.push(`✖ ${error.message}`, ...(error.fix === undefined ? [] : [`  fix: ${error.fix}`]))
  }
  return lines.join('\n').replaceAll(cwd, '<cwd>')
}

const table = new URL('../golden/config/mistakes.md', import.meta.url)

test('what is printed for each mistake', (t) => {
  const given = Object.entries(files).map(
    ([path, text]) => `\`configs/${path}\`\n\n\`\`\`yaml\n${text}\`\`\`\n`,
  )
  const sections = cases.map(
    ([name, ...overrides]) =>
      `## ${name}\n\n\`\`\`\n$ vissl train ${overrides.join(' ')}\n${printed(overrides)}\n\`\`\`\n`,
  )
  const text = [
    '# Mistakes in configurations, and what is printed\n',
    'Written by `VISSL_UPDATE=1 npx ava __test__/config/mistakes.test.ts`; read what changed.\n',
    ...sections,
    '# The files\n',
    ...given,
  ].join('\n')
  if (process.env.VISSL_UPDATE === '1') writeFileSync(table, text)
  t.is(text, readFileSync(table, 'utf8'))
})

test('every mistake but warnings has a message and something to do', (t) => {
  t.true(cases.length >= 30)
  for (const [name, ...overrides] of cases) {
    const text = printed(overrides)
    t.true(text !== '', name)
    if (text.includes('✖')) t.true(/fix: ./.test(text), name)
  }
})
