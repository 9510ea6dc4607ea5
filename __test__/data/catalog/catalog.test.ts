import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { DatasetCatalog, isPlaceholder, readCatalog } from '../../../ts/data/catalog.ts'
import { ExitCode, type VisslError } from '../../../ts/errors.ts'

function scratch(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'vissl-catalog-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

function save(folder: string, name: string, json: unknown): string {
  const path = join(folder, name)
  mkdirSync(join(path, '..'), { recursive: true })
  writeFileSync(path, typeof json === 'string' ? json : JSON.stringify(json))
  return path
}

const place = 'configs/config/dataset_catalog.json'

test("the package's own catalog has the reference's names, all placeholders", (t) => {
  const catalog = new DatasetCatalog({ cwd: scratch(t), env: {} })
  const records = catalog.list()
  const names = [
    'coco_folder',
    'google-imagenet1k-per01',
    'google-imagenet1k-per10',
    'imagenet1k-per01',
    'imagenet1k-per10',
    'imagenet1k_folder',
    'inaturalist2018_folder',
    'places205_folder',
    'places365_folder',
    'voc2007_folder',
    'voc2012_folder',
    'yfcc100m',
  ]
  t.deepEqual(
    records.map(({ name }) => name),
    names,
  )
  for (const { entry } of records) t.true(Object.values(entry).flat().every(isPlaceholder))
})

test('the environment goes before the working folder, that before the package', (t) => {
  const cwd = scratch(t)
  save(cwd, place, { imagenet1k_folder: { train: ['/here'] }, mine: { train: ['/mine'] } })
  const env = { VISSL_DATASET_CATALOG_PATH: save(cwd, 'other.json', { mine: { train: ['/other'] } }) }
  const without = new DatasetCatalog({ cwd, env: {} })
  t.deepEqual(without.get('mine').entry, { train: ['/mine'] })
  t.deepEqual(without.get('imagenet1k_folder').entry, { train: ['/here'] })
  t.is(without.ownFile, join(cwd, place))
  const with_ = new DatasetCatalog({ cwd, env })
  t.deepEqual(with_.get('mine').entry, { train: ['/other'] })
  t.deepEqual(with_.get('imagenet1k_folder').entry, { train: ['/here'] })
  t.is(with_.get('mine').file, env.VISSL_DATASET_CATALOG_PATH)
})

test('a program registers, looks up and removes', (t) => {
  const cwd = scratch(t)
  const catalog = new DatasetCatalog({ cwd, env: {} })
  const entry = { train: ['/a', '/b'], val: ['/c'] }
  t.false(catalog.has('a'))
  catalog.register('a', entry)
  t.deepEqual(catalog.get('a'), { name: 'a', entry, file: undefined })
  t.throws(() => catalog.register('a', entry), { message: /"a" is registered already/ })
  t.true(catalog.remove('a'))
  t.false(catalog.remove('a'))
  catalog.registerJson(save(cwd, 'x.json', { b: { train: ['/a', ['/l1', '/l2']] } }))
  t.deepEqual(catalog.get('b').entry.train, ['/a', ['/l1', '/l2']])
  catalog.clear()
  t.false(catalog.has('b'))
  t.true(catalog.has('voc2007_folder'))
})

test('an unknown name is answered with like names, all names and how to add it', (t) => {
  const error = t.throws(() =>
    new DatasetCatalog({ cwd: scratch(t), env: {} }).get('imagenet_folder'),
  ) as VisslError
  t.is(error.exitCode, ExitCode.usage)
  t.regex(error.message, /did you mean imagenet1k_folder/)
  t.regex(error.fix ?? '', /voc2007_folder.*vissl data register imagenet_folder/)
})

test('files that are no catalogs are errors that name them', (t) => {
  const folder = scratch(t)
  const bad: [unknown, RegExp][] = [
    ['{', /x\.json: .*JSON/],
    ['[]', /x\.json: it is no map/],
    ['null', /x\.json: it is no map/],
    [{ a: [] }, /"a" of .*x\.json is no map of splits/],
    [{ a: { train: '/x' } }, /"a" of/],
    [{ a: { train: [1] } }, /"a" of/],
    [{ a: { train: [[]] } }, /"a" of/],
  ]
  for (const [json, message] of bad) {
    const path = save(folder, 'x.json', json)
    t.throws(() => readCatalog(path), { message }, JSON.stringify(json))
  }
  t.throws(() => readCatalog(join(folder, 'none.json')), { message: /none\.json/ })
  t.throws(() => readCatalog(folder), { message: new RegExp(folder) })
  const env = { VISSL_DATASET_CATALOG_PATH: 'none.json' }
  t.throws(() => new DatasetCatalog({ cwd: folder, env }).list(), {
    message: /VISSL_DATASET_CATALOG_PATH is none\.json/,
  })
})

test('names that objects have of themselves are names like others', (t) => {
  const folder = scratch(t)
  const path = save(folder, 'x.json', '{"__proto__": {"train": ["/p"]}, "constructor": {"train": ["/c"]}}')
  const catalog = new DatasetCatalog({ files: [path] })
  t.deepEqual(catalog.get('__proto__').entry, { train: ['/p'] })
  t.deepEqual(catalog.get('constructor').entry, { train: ['/c'] })
  t.false(catalog.has('toString'))
})
