import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { DatasetCatalog, type DatasetEntry } from '../../../ts/data/catalog.ts'
import type { DataSplit } from '../../../ts/data/dataset.ts'
import { type ResolvedData, resolveData } from '../../../ts/data/sources/resolve.ts'
import { ExitCode, type VisslError } from '../../../ts/errors.ts'

function scratch(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'vissl-resolve-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  for (const name of ['train.npy', 'train-labels.npy', 'val.npy', 'val-labels.npy', 'more.npy'])
    writeFileSync(join(folder, name), '')
  return folder
}

type Changes = Partial<DataSplit>

function resolve(
  changes: Changes,
  entries: Record<string, DatasetEntry> = {},
  splitName: 'TRAIN' | 'TEST' = 'TRAIN',
) {
  const catalog = new DatasetCatalog({ files: [] })
  for (const [name, entry] of Object.entries(entries)) catalog.register(name, entry)
  const split: DataSplit = {
    DATA_SOURCES: ['disk_filelist'],
    DATASET_NAMES: ['set'],
    DATA_PATHS: [],
    LABEL_SOURCES: [],
    LABEL_PATHS: [],
    TRANSFORMS: [],
    COLLATE_FUNCTION: 'default_collate',
    BATCHSIZE_PER_REPLICA: 1,
    ...changes,
  }
  return resolveData({ split, splitName, channels: 3, catalog })
}

const failure = (t: ExecutionContext, run: () => ResolvedData): VisslError => t.throws(run) as VisslError

const pathsOf = ({ sources }: ResolvedData): unknown[] => sources.map(({ path }) => path)

test('TRAIN reads train, TEST reads val; labels come along', (t) => {
  const at = (name: string) => join(folder, name)
  const folder = scratch(t)
  const set = { train: [at('train.npy'), at('train-labels.npy')], val: [at('val.npy'), at('val-labels.npy')] }
  const labelled = { LABEL_SOURCES: ['disk_filelist'] }
  const train = resolve(labelled, { set })
  t.deepEqual(pathsOf(train), [at('train.npy')])
  t.deepEqual(train.labels, [{ type: 'files', paths: [at('train-labels.npy')] }])
  const test = resolve(labelled, { set }, 'TEST')
  t.deepEqual(pathsOf(test), [at('val.npy')])
  t.deepEqual(test.labels, [{ type: 'files', paths: [at('val-labels.npy')] }])
})

test('explicit paths go before the catalog, for images and labels each', (t) => {
  const folder = scratch(t)
  const at = (name: string) => join(folder, name)
  const set = { train: [at('train.npy'), at('train-labels.npy')] }
  const images = resolve({ DATA_PATHS: [at('more.npy')], LABEL_SOURCES: ['disk_filelist'] }, { set })
  t.deepEqual(pathsOf(images), [at('more.npy')])
  t.deepEqual(images.labels, [{ type: 'files', paths: [at('train-labels.npy')] }])
  const labels = resolve({ LABEL_SOURCES: ['disk_filelist'], LABEL_PATHS: [at('more.npy')] }, { set })
  t.deepEqual(pathsOf(labels), [at('train.npy')])
  t.deepEqual(labels.labels, [{ type: 'files', paths: [at('more.npy')] }])
})

test('explicit paths without labels need no entry in the catalog', (t) => {
  const folder = scratch(t)
  t.deepEqual(resolve({ DATA_PATHS: [folder], DATA_SOURCES: ['disk_folder'] }).labels, [])
})

test('several sources, several label files', (t) => {
  const folder = scratch(t)
  const at = (name: string) => join(folder, name)
  const set = { train: [at('train.npy'), [at('train-labels.npy'), at('more.npy')]] }
  const { sources, labels } = resolve(
    {
      DATA_SOURCES: ['disk_filelist', 'synthetic', 'disk_folder'],
      DATASET_NAMES: ['set', '', 'folder'],
      LABEL_SOURCES: ['disk_filelist', 'synthetic', 'disk_folder'],
    },
    { set, folder: { train: [folder] } },
  )
  t.deepEqual(
    sources.map(({ type }) => type),
    ['disk_filelist', 'synthetic', 'disk_folder'],
  )
  t.deepEqual(labels, [
    { type: 'files', paths: [at('train-labels.npy'), at('more.npy')] },
    { type: 'zero' },
    { type: 'source', source: 2 },
  ])
})

test('the keys of lists and synthetic images reach the sources', (t) => {
  const folder = scratch(t)
  const path = join(folder, 'train.npy')
  const { sources } = resolve({
    DATA_SOURCES: ['disk_filelist', 'synthetic'],
    DATA_PATHS: [path, ''],
    MMAP_MODE: false,
    REMOVE_IMG_PATH_PREFIX: '/a',
    NEW_IMG_PATH_PREFIX: '/b',
    RANDOM_SYNTHETIC_IMAGES: true,
    DEFAULT_GRAY_IMG_SIZE: 96,
    DATA_LIMIT: 7,
  })
  t.deepEqual(sources, [
    { type: 'disk_filelist', path, mmap: false, remove_prefix: '/a', new_prefix: '/b' },
    { type: 'synthetic', size: 96, count: 7, random: true },
  ])
  const sampled = resolve({ DATA_SOURCES: ['synthetic'], DATA_LIMIT: 7, DATA_LIMIT_SAMPLING: { SEED: 1 } })
  t.is(sampled.sources[0]?.count, 50_000)
})

test('a set of torchvision is told by DATASET_NAMES, its part by the split', (t) => {
  const folder = scratch(t)
  const changes = { DATA_SOURCES: ['torchvision_dataset'], DATASET_NAMES: ['CIFAR10'], DATA_PATHS: [folder] }
  const spec = { type: 'torchvision', path: folder, name: 'CIFAR10' }
  t.deepEqual(resolve(changes).sources, [{ ...spec, split: 'train' }])
  t.deepEqual(resolve(changes, {}, 'TEST').sources, [{ ...spec, split: 'test' }])
})

test('paths that are missing name the key, or the catalog and what to do there', (t) => {
  const folder = scratch(t)
  const gone = join(folder, 'gone.npy')
  const explicit = failure(t, () => resolve({ DATA_PATHS: [gone] }))
  t.is(explicit.exitCode, ExitCode.data)
  t.is(explicit.message, `DATA.TRAIN.DATA_PATHS[0] is ${gone}, which does not exist`)
  const listed = failure(t, () => resolve({}, { set: { train: [gone] } }))
  t.regex(
    listed.message,
    /"set", train, entry 0 of the registered data set is .*gone\.npy, which does not exist/,
  )
  const label = failure(t, () =>
    resolve({ DATA_PATHS: [folder], LABEL_SOURCES: ['disk_filelist'], LABEL_PATHS: [['a.npy', gone]] }),
  )
  t.regex(label.message, /DATA\.TRAIN\.LABEL_PATHS\[0\] is a\.npy, which does not exist/)
})

test('a placeholder of the shipped catalog says which file to edit and how', (t) => {
  const split: DataSplit = {
    DATA_SOURCES: ['disk_folder'],
    DATASET_NAMES: ['imagenet1k_folder'],
    DATA_PATHS: [],
    TRANSFORMS: [],
    COLLATE_FUNCTION: 'default_collate',
    BATCHSIZE_PER_REPLICA: 1,
  }
  const cwd = scratch(t)
  const catalog = new DatasetCatalog({ cwd, env: {} })
  const error = t.throws(() => resolveData({ split, splitName: 'TEST', channels: 3, catalog })) as VisslError
  t.is(error.exitCode, ExitCode.data)
  t.regex(
    error.message,
    /"imagenet1k_folder", val, entry 0 .* is the placeholder <folder of ImageNet-1k's val/,
  )
  t.true(
    error.fix?.includes(
      `${join(cwd, 'configs/config/dataset_catalog.json')}: vissl data register imagenet1k_folder --val PATH`,
    ),
  )
  t.true(error.fix?.startsWith('set config.DATA.TEST.DATA_PATHS=[PATH]'))
})

test('what does not fit together is an error that names the key', (t) => {
  const folder = scratch(t)
  const both = { DATA_SOURCES: ['disk_folder', 'disk_folder'] }
  const bad: [Changes, RegExp][] = [
    [{ DATA_SOURCES: [] }, /DATA\.TRAIN\.DATA_SOURCES is empty/],
    [{ DATA_SOURCES: ['disk_foldr'] }, /DATA_SOURCES\[0\]: .*"disk_foldr"; did you mean disk_folder/],
    [{ DATA_SOURCES: ['everstore'] }, /no data source named "everstore"/],
    [{ DATA_SOURCES: ['toString'] }, /no data source named "toString"/],
    [{ ...both, DATA_PATHS: [folder] }, /DATA_PATHS has 1 entries, and DATA_SOURCES has 2/],
    [both, /DATASET_NAMES has 1 entries, and DATA_SOURCES has 2/],
    [{ DATASET_NAMES: ['sett'] }, /no data set is named "sett"/],
    [{ DATASET_NAMES: [''] }, /DATA\.TRAIN\.DATA_PATHS is empty/],
    [
      { DATA_PATHS: [folder], LABEL_SOURCES: ['disk_folder'] },
      /LABEL_SOURCES\[0\] is disk_folder, but images/,
    ],
    [
      { DATA_PATHS: [folder], LABEL_SOURCES: ['disk_filelist'] },
      /asks for a list of labels, and none is given/,
    ],
    [{ DATA_PATHS: [folder], LABEL_SOURCES: ['disk_flelist'] }, /no label source named "disk_flelist"; did/],
    [
      { DATA_PATHS: [folder], LABEL_SOURCES: ['a', 'b'] },
      /LABEL_SOURCES has 2 entries, and DATA_SOURCES has 1/,
    ],
  ]
  for (const [changes, message] of bad) {
    const error = failure(t, () => resolve(changes, { set: { val: [folder] } }))
    t.regex(error.message, message)
    t.is(error.exitCode, ExitCode.usage)
    t.truthy(error.fix)
  }
  t.regex(failure(t, () => resolve({}, { set: { val: [folder] } })).message, /"set" has no train images/)
})
