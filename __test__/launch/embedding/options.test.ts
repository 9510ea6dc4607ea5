import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import test from 'ava'
import { parseArguments } from '../../../ts/cli/arguments.ts'
import { train as command } from '../../../ts/cli/train.ts'
import { composeConfig } from '../../../ts/config/index.ts'
import { ExitCode, VisslError } from '../../../ts/errors.ts'
import { type TrainOptions, trainerCommand } from '../../../ts/launch/embedding/options.ts'
import { Loss } from '../../../ts/losses/index.ts'
import { scratch } from './_app.ts'

/** What the command line makes of the options. */
const parsed = (options: TrainOptions) =>
  parseArguments(trainerCommand(options).args.slice(1), command.options)

test('options become a command line that the program takes', (t) => {
  const cwd = scratch(t)
  const { positional, overrides, options } = parsed({
    config: 'quickstart',
    data: './photos',
    overrides: ['config.OPTIMIZER.num_epochs=5', '+config.NEW=1', '~config.LOG_FREQUENCY'],
    plugins: ['./my=loss.ts', pathToFileURL(join(cwd, 'my head.ts'))],
    resume: '-odd',
    cwd,
  })
  t.deepEqual(positional, [join(cwd, 'photos')])
  t.is(overrides[0], 'config=quickstart')
  t.deepEqual(overrides.slice(-3), [
    'config.OPTIMIZER.num_epochs=5',
    '+config.NEW=1',
    '~config.LOG_FREQUENCY',
  ])
  t.deepEqual(options.get('plugin'), [join(cwd, 'my=loss.ts'), join(cwd, 'my head.ts')])
  t.deepEqual(options.get('resume'), ['-odd'])
})

test("a configuration's own test data are left out where images are given, unless overrides say so", (t) => {
  const cwd = scratch(t)
  const composed = (overrides: readonly string[]) =>
    composeConfig({ overrides: parsed({ config: 'quickstart', data: '.', overrides, cwd }).overrides, cwd })
      .config
  const { DATA, EVALUATION, TEST_MODEL } = composed([])
  t.deepEqual([DATA.TEST.DATA_SOURCES, DATA.TEST.DATASET_NAMES, EVALUATION.KNN.ENABLED], [[], [], false])
  t.false(TEST_MODEL)
  t.true(composed(['config.EVALUATION.KNN.ENABLED=true']).EVALUATION.KNN.ENABLED)
})

test('the file of a configuration may have any path', (t) => {
  const cwd = scratch(t)
  for (const name of ["it's, (mine)=[1]", 'with space', 'ähnlich']) {
    mkdirSync(join(cwd, name))
    const file = join(cwd, name, 'my.yaml')
    writeFileSync(file, '# @package _global_\nconfig:\n  SEED_VALUE: 77\n')
    for (const config of [file, join(name, 'my.yaml'), `./${name}/my.yaml`]) {
      const { overrides } = parsed({ config, cwd })
      t.is(composeConfig({ overrides, cwd }).config.SEED_VALUE, 77, config)
    }
  }
})

class MyLoss extends Loss {
  override forward(): never {
    throw new Error('never called')
  }
}

const wrong: readonly [options: unknown, message: RegExp, fix?: RegExp][] = [
  [
    { config: 'quickstart', plugins: [MyLoss] },
    /plugins\[0\] is the class MyLoss, which cannot cross to the training process/,
    /export it from a module, and give the path/,
  ],
  [{ config: 'quickstart', plugins: ['./a.ts', () => {}] }, /plugins\[1\] is a function, which cannot cross/],
  [{ config: 'quickstart', plugins: [new Map()] }, /plugins\[0\] is an instance of Map/],
  [
    { config: 'quickstart', plugins: [new URL('https://example.org/a.ts')] },
    /plugins\[0\] is an instance of URL/,
  ],
  [{ config: 'quickstart', plugins: './a.ts' }, /plugins is the string .*, not a list/],
  [{ config: 'quickstart', overrides: [{ LOSS: 1 }] }, /overrides\[0\] is an object, not a text/],
  [
    { config: 'quickstart', overrides: ['--plugin=x'] },
    /overrides\[0\] is "--plugin=x"/,
    /config\.KEY=VALUE/,
  ],
  [{ config: 'quickstart', overrides: ['/etc'] }, /overrides\[0\] is "\/etc"/],
  [{ config: 3 }, /config is the number 3, not a text/],
  [{ config: '' }, /config is empty/],
  [{}, /train needs a config or data/],
  [{ config: 'quickstart', epochs: 3 }, /train has no option epochs/, /belong into overrides/],
  [{ config: 'quickstart', cwd: '/no/such/folder' }, /cwd is \/no\/such\/folder, which is no folder/],
  [undefined, /options is undefined, not an object/],
]

for (const [options, message, fix] of wrong) {
  test(`refused: ${message.source.slice(0, 60)}`, (t) => {
    const error = t.throws(() => trainerCommand(options as TrainOptions), { instanceOf: VisslError, message })
    t.is(error?.exitCode, ExitCode.usage)
    if (fix !== undefined) t.regex(error?.fix ?? '', fix)
  })
}
