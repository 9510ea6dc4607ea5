import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { dataCheck } from '../../../ts/cli/data-check.ts'
import { writeIntegers, writeTexts } from '../../../ts/data/dataset-builders/index.ts'
import {
  copyTensor,
  createLoader,
  type DataSplit,
  datasetCatalog,
  type Loader,
  releaseTensor,
} from '../../../ts/data/index.ts'
import { ExitCode, VisslError } from '../../../ts/errors.ts'
import { runCommand } from '../../cli/_data.ts'
import { png } from '../../launch/_images.ts'

function scratch(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'vissl-reading-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Six images in two class folders, as a folder and as lists. */
function images(t: ExecutionContext) {
  const root = scratch(t)
  const files = ['cat/0.png', 'cat/1.png', 'cat/2.png', 'dog/3.png', 'dog/4.png', 'dog/5.png'].map(
    (name, seed) => {
      const path = join(root, 'images', name)
      mkdirSync(join(path, '..'), { recursive: true })
      writeFileSync(path, png(8, seed))
      return path
    },
  )
  const list = join(root, 'images.npy')
  writeTexts(list, files)
  const labels = join(root, 'labels.npy')
  writeIntegers(labels, [6], Int32Array.of(0, 0, 0, 1, 1, 1))
  return { root, folder: join(root, 'images'), list, labels, files }
}

const block = (changes: Partial<DataSplit>): DataSplit => ({
  DATA_SOURCES: ['disk_filelist'],
  DATA_PATHS: [],
  LABEL_SOURCES: [],
  TRANSFORMS: [{ name: 'ToTensor' }],
  COLLATE_FUNCTION: 'default_collate',
  BATCHSIZE_PER_REPLICA: 6,
  ...changes,
})

/** Shapes and values of a loader's first batch, by tensor. */
async function first(loader: Loader): Promise<Record<string, { shape: number[]; values: number[] }>> {
  for await (const batch of loader.epoch(0)) {
    const entries = batch.names.map((name) => {
      const tensor = batch.takeMemory(name)
      const buffer = copyTensor(tensor).slice().buffer
      const values =
        tensor.dtype === 'float32'
          ? [...new Float32Array(buffer)]
          : [...new BigInt64Array(buffer)].map(Number)
      releaseTensor(tensor)
      return [name, { shape: tensor.shape, values }] as const
    })
    return Object.fromEntries(entries)
  }
  throw new Error('no batch')
}

const read = async (changes: Partial<DataSplit>) => {
  using loader = createLoader({ split: block(changes), order: 'sequential', workers: 0 })
  return await first(loader)
}

test('a list gives the same batch as the folder that it lists', async (t) => {
  const { folder, list, labels } = images(t)
  const fromFolder = await read({
    DATA_SOURCES: ['disk_folder'],
    DATA_PATHS: [folder],
    LABEL_SOURCES: ['disk_folder'],
  })
  t.deepEqual(fromFolder['label.0']!.values, [0, 0, 0, 1, 1, 1])
  for (const MMAP_MODE of [true, false]) {
    const fromList = await read({
      DATA_PATHS: [list],
      LABEL_SOURCES: ['disk_filelist'],
      LABEL_PATHS: [labels],
      MMAP_MODE,
    })
    t.deepEqual(fromList, fromFolder)
  }
})

test('a row of labels an image is a tensor of two dimensions', async (t) => {
  const { root, list } = images(t)
  const path = join(root, 'multi.npy')
  writeIntegers(
    path,
    [6, 3],
    Int32Array.from({ length: 18 }, (_, i) => (i % 3) - 1),
  )
  const { 'label.0': label } = await read({
    DATA_PATHS: [list],
    LABEL_SOURCES: ['disk_filelist'],
    LABEL_PATHS: [path],
  })
  t.deepEqual(label!.shape, [6, 3])
  t.deepEqual(label!.values.slice(0, 6), [-1, 0, 1, -1, 0, 1])
})

test('labels that are texts are numbered in sorted order and name the classes', async (t) => {
  const { root, list } = images(t)
  const path = join(root, 'names.npy')
  writeTexts(path, ['zebra', 'ant', 'ant', 'bee', 'zebra', 'Cow'])
  using loader = createLoader({
    split: block({ DATA_PATHS: [list], LABEL_SOURCES: ['disk_filelist'], LABEL_PATHS: [path] }),
    order: 'sequential',
    workers: 0,
  })
  t.deepEqual(loader.info.classes, ['Cow', 'ant', 'bee', 'zebra'])
  t.deepEqual((await first(loader))['label.0']!.values, [3, 1, 1, 2, 3, 0])
})

test('two sources in one split: an image, a label and an index of each', async (t) => {
  const { folder, list, labels } = images(t)
  const batch = await read({
    DATA_SOURCES: ['disk_filelist', 'disk_folder'],
    DATA_PATHS: [list, folder],
    LABEL_SOURCES: ['disk_filelist', 'disk_folder'],
    LABEL_PATHS: [labels, ''],
  })
  t.deepEqual(batch['data.0'], batch['data.1'])
  t.deepEqual(batch['label.0'], batch['label.1'])
  t.deepEqual(batch['data_idx.1']!.values, [0, 1, 2, 3, 4, 5])
})

test('LABEL_TYPE without labels: the index, or zero', async (t) => {
  const { list } = images(t)
  t.deepEqual(
    (await read({ DATA_PATHS: [list], LABEL_TYPE: 'sample_index' }))['label.0']!.values,
    [0, 1, 2, 3, 4, 5],
  )
  t.deepEqual((await read({ DATA_PATHS: [list], LABEL_TYPE: 'zero' }))['label.0']!.values, [0, 0, 0, 0, 0, 0])
})

test('a data set of the catalog is read by its name', async (t) => {
  const { list, labels } = images(t)
  datasetCatalog.register('reading-test', { train: [list, labels] })
  t.teardown(() => datasetCatalog.remove('reading-test'))
  const batch = await read({ DATASET_NAMES: ['reading-test'], LABEL_SOURCES: ['disk_filelist'] })
  t.deepEqual(batch['label.0']!.values, [0, 0, 0, 1, 1, 1])
})

test('lists that do not fit are errors that name key and file', (t) => {
  const { root, list } = images(t)
  const path = join(root, 'short.npy')
  writeIntegers(path, [5], new Int32Array(5))
  const error = t.throws(
    () =>
      createLoader({
        split: block({ DATA_PATHS: [list], LABEL_SOURCES: ['disk_filelist'], LABEL_PATHS: [path] }),
      }),
    { instanceOf: VisslError },
  )
  t.is(error.exitCode, ExitCode.data)
  t.regex(error.message, /^DATA\.TRAIN: .*short\.npy: 5 labels for 6 images/)
})

test('vissl data check counts images, classes, sizes, broken files and duplicates', async (t) => {
  const { root, folder, files } = images(t)
  writeFileSync(join(folder, 'dog/copy.png'), png(8, 3))
  writeFileSync(join(folder, 'dog/broken.png'), 'no image')
  writeFileSync(join(folder, 'dog/notes.txt'), 'text')
  writeFileSync(join(folder, 'cat/large.png'), png(40, 1))
  const check = (...argv: string[]) => runCommand(dataCheck, root, argv)
  const { out, code } = await check('images')
  t.is(code, ExitCode.data)
  t.regex(out, /^ {2}images +9 \(.*\), 8 of them gray/m)
  t.regex(out, /^ {2}broken +1$/m)
  t.regex(out, /^ {2}sizes +8×8 to 40×40, 12×12 on average/m)
  t.regex(out, /^ {2}classes +2, 4 \(cat\) to 5 \(dog\) images/m)
  t.regex(out, /broken\.png: not an image/)
  t.regex(out, /notes\.txt: not an image/)
  t.regex(out, /dog\/3\.png\n {4}= .*dog\/copy\.png/)
  const list = await check('images.npy', '--json')
  t.is(list.code, ExitCode.ok)
  t.like(JSON.parse(list.out), { images: 6, good: 6, broken: [], gray: 6, smallest: [8, 8] })
  rmSync(files[5]!)
  const gone = await check('images.npy')
  t.regex(gone.out, /5\.png: unreadable/)
})

test('wrong calls of vissl data check', async (t) => {
  const { root } = images(t)
  const bad: [string[], RegExp][] = [
    [[], /give one path or name/],
    [['nowhere'], /nowhere does not exist/],
    [['images', '--source', 'disk_foldr'], /no data source named "disk_foldr"/],
    [['images', '--split', 'test'], /--split is test/],
    [['images', '--threads', '0'], /--threads is 0/],
    [['voc2007_folder', '--split', 'val'], /does not exist|placeholder/],
  ]
  for (const [argv, message] of bad)
    await t.throwsAsync(
      runCommand(dataCheck, root, argv),
      { instanceOf: VisslError, message },
      argv.join(' '),
    )
})
