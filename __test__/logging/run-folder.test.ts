import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'ava'
import { parse } from 'yaml'
import { composeConfig } from '../../ts/config/index.ts'
import { ExitCode, VisslError } from '../../ts/errors.ts'
import { packageVersion, RunFolder, runInfo } from '../../ts/logging/index.ts'
import { temporaryFolder } from './output.ts'

test('runs of a name are numbered', (t) => {
  const cwd = temporaryFolder()
  const make = (name: string) => RunFolder.create({ name, cwd }).path
  t.is(RunFolder.latest('quickstart', cwd), undefined)
  t.is(make('quickstart'), join(cwd, 'runs', 'quickstart-1'))
  t.is(make('quickstart'), join(cwd, 'runs', 'quickstart-2'))
  t.is(make('quick'), join(cwd, 'runs', 'quick-1'))
  mkdirSync(join(cwd, 'runs', 'quickstart-10'))
  t.is(make('quickstart'), join(cwd, 'runs', 'quickstart-11'))
  t.is(make('../a b/c'), join(cwd, 'runs', 'a-b-c-1'))
  t.is(RunFolder.latest('quickstart', cwd), join(cwd, 'runs', 'quickstart-11'))
})

test('a folder that is given is used as it is', (t) => {
  const cwd = temporaryFolder()
  const folder = RunFolder.create({ dir: 'out/here', name: 'x', cwd })
  t.is(folder.path, join(cwd, 'out', 'here'))
  t.deepEqual(readdirSync(folder.path), [])
  t.is(RunFolder.create({ dir: 'out/here', name: 'x', cwd }).path, folder.path)
})

test('a folder that cannot be made is an error of the environment', (t) => {
  const cwd = temporaryFolder()
  writeFileSync(join(cwd, 'runs'), '')
  writeFileSync(join(cwd, 'file'), '')
  for (const request of [
    { name: 'x', cwd },
    { dir: 'file/x', name: 'x', cwd },
    { dir: '/proc/vissl', name: 'x', cwd },
  ]) {
    const error = t.throws(() => RunFolder.create(request), { instanceOf: VisslError })
    t.is(error?.exitCode, ExitCode.environment)
    t.true(error?.fix?.includes('config.CHECKPOINT.DIR'))
  }
  t.throws(() => RunFolder.open(join(cwd, 'gone')), { instanceOf: VisslError })
})

test('the folder holds log, metrics, configuration and facts', (t) => {
  const cwd = temporaryFolder()
  const folder = RunFolder.create({ name: 'x', cwd })
  const { config } = composeConfig({ config: 'quickstart', cwd })
  folder.log.info('hello')
  folder.metrics.write({ a: 1 })
  folder.writeConfig(config)
  folder.writeInfo(
    runInfo({ name: 'x-1', command: ['vissl', 'train'], cwd, seed: 3, config: 'quickstart', device: 'cpu' }),
  )
  folder.folder('checkpoints')
  folder.close()
  t.deepEqual(readdirSync(folder.path).sort(), [
    'checkpoints',
    'log.txt',
    'metrics.jsonl',
    'run.json',
    'train_config.yaml',
  ])
  const text = readFileSync(folder.file('train_config.yaml'), 'utf8')
  t.true(text.startsWith('# @package _global_\n'))
  t.deepEqual((parse(text, { version: '1.1' }) as { config: unknown }).config, config)
  t.deepEqual(composeConfig({ config: folder.file('train_config.yaml'), cwd }).config, config)
  const info = JSON.parse(readFileSync(folder.file('run.json'), 'utf8')) as ReturnType<typeof runInfo>
  t.like(info, {
    seed: 3,
    config: 'quickstart',
    versions: { vissl: packageVersion(), node: process.versions.node },
  })
})
