import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { dataGet } from '../../ts/cli/data-get.ts'
import { dataList } from '../../ts/cli/data-list.ts'
import { dataRegister } from '../../ts/cli/data-register.ts'
import { ExitCode, VisslError } from '../../ts/errors.ts'
import { runCommand } from './_data.ts'

function scratch(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'vissl-data-cli-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  for (const name of ['train', 'val']) mkdirSync(join(folder, name))
  for (const name of ['images.npy', 'l1.npy', 'l2.npy']) writeFileSync(join(folder, name), '')
  return folder
}

const place = 'configs/config/dataset_catalog.json'
const read = (file: string): unknown => JSON.parse(readFileSync(file, 'utf8'))

test('a data set is registered, listed as ready, and its parts are kept', async (t) => {
  const cwd = scratch(t)
  const register = (...argv: string[]) => runCommand(dataRegister, cwd, argv)
  const { out, code } = await register('mine', '--train', 'train')
  t.is(code, ExitCode.ok)
  t.is(out, `mine (train) is in ${join(cwd, place)}\n`)
  await register('mine', '--val', 'val')
  await register('listed', '--train', 'images.npy', '--train-labels', 'l1.npy', '--train-labels', 'l2.npy')
  const at = (name: string) => join(cwd, name)
  t.deepEqual(read(join(cwd, place)), {
    mine: { train: [at('train')], val: [at('val')] },
    listed: { train: [at('images.npy'), [at('l1.npy'), at('l2.npy')]] },
  })
  const list = await runCommand(dataList, cwd, [])
  t.regex(list.out, /^ {2}mine +ready +train: .*train {2}val: .*val$/m)
  t.regex(list.out, /^ {2}imagenet1k_folder +unset +<folder of ImageNet/m)
  t.regex(list.out, /^ {2}fashion_mnist +70,000/m)
  t.regex(list.out, /^ {2}disk_filelist /m)
})

test('a part that is there is replaced only with --force; a placeholder always', async (t) => {
  const cwd = scratch(t)
  const register = (...argv: string[]) => runCommand(dataRegister, cwd, argv)
  await register('voc2007_folder', '--train', 'train', '--file', 'x.json')
  const again = await t.throwsAsync(register('voc2007_folder', '--train', 'val', '--file', 'x.json'), {
    instanceOf: VisslError,
  })
  t.regex(again.message, /"voc2007_folder" has a train part in .*x\.json/)
  await register('voc2007_folder', '--train', 'val', '--file', 'x.json', '--force')
  t.deepEqual(read(join(cwd, 'x.json')), { voc2007_folder: { train: [join(cwd, 'val')] } })
  writeFileSync(join(cwd, 'y.json'), '{"a": {"train": ["<somewhere>"]}}')
  await register('a', '--train', 'val', '--file', 'y.json')
  t.deepEqual(read(join(cwd, 'y.json')), { a: { train: [join(cwd, 'val')] } })
})

test('the catalog of the environment is the one that is written and listed', async (t) => {
  const cwd = scratch(t)
  const env = { VISSL_DATASET_CATALOG_PATH: join(cwd, 'env.json') }
  const { out } = await runCommand(dataRegister, cwd, ['mine', '--train', 'train'], env)
  t.is(out, `mine (train) is in ${env.VISSL_DATASET_CATALOG_PATH}\n`)
  rmSync(join(cwd, 'train'), { recursive: true })
  const json = await runCommand(dataList, cwd, ['MINE', '--json'], env)
  const [mine] = JSON.parse(json.out) as object[]
  t.like(mine, { name: 'mine', state: 'missing', detail: `${join(cwd, 'train')} does not exist` })
})

test('wrong calls are errors with a fix, and nothing is written', async (t) => {
  const cwd = scratch(t)
  const bad: [string[], RegExp][] = [
    [[], /give one name/],
    [['a', 'b'], /give one name/],
    [['a'], /no path is given/],
    [['a', '--train', 'nowhere'], /nowhere does not exist/],
    [['a', '--train-labels', 'l1.npy'], /--train-labels needs --train/],
    [['a', '--train', 'train', '--file', 'images.npy'], /images\.npy: .*JSON/],
    [['a', '--train', 'train', '--file', 'l1.npy/x.json'], /x\.json cannot be written/],
  ]
  for (const [argv, message] of bad) {
    const error = await t.throwsAsync(runCommand(dataRegister, cwd, argv), {
      instanceOf: VisslError,
      message,
    })
    t.truthy(error?.fix, argv.join(' '))
  }
  t.is(readFileSync(join(cwd, 'images.npy'), 'utf8'), '')
})

test('what cannot be fetched says what can', async (t) => {
  const cwd = scratch(t)
  const get = (...argv: string[]) => runCommand(dataGet, cwd, argv, { VISSL_CACHE: join(cwd, 'cache') })
  const unknown = await t.throwsAsync(get('fashion-mnist'), { instanceOf: VisslError })
  t.regex(unknown.message, /did you mean fashion_mnist/)
  await t.throwsAsync(get(), { message: /give the name of one data set/ })
  const failed = await t.throwsAsync(get('fashion_mnist', '--from', 'train'), { instanceOf: VisslError })
  t.is(failed.exitCode, ExitCode.environment)
  t.regex(failed.message, /has no train-images-idx3-ubyte\.gz/)
})
