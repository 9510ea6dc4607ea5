import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import {
  builtEntry,
  readCoco,
  readVoc,
  writeIntegers,
  writeTexts,
} from '../../../ts/data/dataset-builders/index.ts'

function scratch(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'vissl-builders-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

function save(folder: string, path: string, text: string): string {
  const file = join(folder, path)
  mkdirSync(join(file, '..'), { recursive: true })
  writeFileSync(file, text)
  return file
}

const golden = (name: string): Buffer =>
  readFileSync(new URL(`../../golden/data-lists/${name}`, import.meta.url))

test('lists are written as NumPy writes them', (t) => {
  const folder = scratch(t)
  const path = join(folder, 'new/x.npy')
  writeTexts(path, ['a/1.jpg', '', 'ü.png', 'long/er/名.jpg'])
  t.deepEqual(readFileSync(path), golden('texts.npy'))
  writeIntegers(path, [2, 3], Int32Array.of(1, -1, 0, 0, 1, 2 ** 31 - 1))
  t.deepEqual(readFileSync(path), golden('labels.npy'))
  writeIntegers(path, [5], Int32Array.of(0, 1, 2, 3, 4))
  t.deepEqual(readFileSync(path), golden('ids.npy'))
  t.throws(() => writeTexts(join(path, 'below-a-file.npy'), ['a']), { message: /cannot be written/ })
})

function voc(root: string, parts: readonly string[]): string {
  mkdirSync(join(root, 'JPEGImages'), { recursive: true })
  for (const part of parts) {
    save(root, `ImageSets/Main/cat_${part}.txt`, `${part}2 -1\n${part}1  1\n${part}3  0\n`)
    save(root, `ImageSets/Main/bird_${part}.txt`, `${part}1 -1\n${part}2  1\nnonsense\n${part}1 7\n../x 1\n`)
    save(root, `ImageSets/Main/${part}.txt`, `${part}1\n`)
  }
  save(root, 'ImageSets/Main/a_person_train.txt', 'x 1\n')
  return root
}

test('VOC with a test part: trainval and test, classes by name, difficult objects are not counted', (t) => {
  const root = voc(scratch(t), ['train', 'val', 'trainval', 'test'])
  const { images, classes, labels, skipped } = readVoc(root, 'train')
  t.deepEqual(classes, ['bird', 'cat'])
  t.deepEqual(
    images,
    ['trainval1', 'trainval2', 'trainval3'].map((name) => join(root, 'JPEGImages', `${name}.jpg`)),
  )
  t.deepEqual([...labels], [0, 1, 1, 0, -1, -1])
  t.is(skipped.length, 3)
  t.regex(skipped[0]!, /bird_trainval\.txt, line 3: nonsense/)
  t.regex(readVoc(root, 'val').images[0]!, /test1/)
  t.regex(readVoc(root, 'val', true).images[0]!, /val1/)
})

test('VOC without a test part: train and val', (t) => {
  const root = voc(scratch(t), ['train', 'val', 'trainval'])
  t.regex(readVoc(root, 'train').images[0]!, /\/train1/)
  t.regex(readVoc(root, 'val').images[0]!, /\/val1/)
})

test('a damaged VOC folder is an error', (t) => {
  const folder = scratch(t)
  t.throws(() => readVoc(folder, 'train'), { message: /is no VOC folder/ })
  const root = voc(join(folder, 'one'), ['train', 'val'])
  rmSync(join(root, 'ImageSets/Main/cat_val.txt'))
  t.throws(() => readVoc(root, 'train'), { message: /lists of 2 and 1 classes for train and val/ })
  t.throws(() => readVoc(root, 'nothing', true), { message: /lists of 0 classes for nothing/ })
})

const annotations = (objects: object[]) =>
  JSON.stringify({
    images: [
      { id: 7, file_name: 'b.jpg', width: 100, height: 50 },
      { id: 3, file_name: 'a.jpg', width: 10, height: 10 },
      { id: 4, file_name: 'none.jpg', width: 10, height: 10 },
    ],
    categories: [
      { id: 90, name: 'toothbrush' },
      { id: 1, name: 'person' },
    ],
    annotations: objects,
  })

const box = (image_id: number, category_id: number, bbox: unknown, more: object = {}) => ({
  image_id,
  category_id,
  bbox,
  area: 5,
  ...more,
})

test('COCO: a class is present where a box with an area lies on the image', (t) => {
  const file = save(
    scratch(t),
    'x.json',
    annotations([
      box(7, 1, [1, 1, 20, 20]),
      box(7, 90, [1, 1, 20, 20], { ignore: 1 }),
      box(3, 90, [2, 2, 3, 3]),
      box(3, 1, [2, 2, 3, 3], { area: 0 }),
      box(3, 1, [2, 2, 1, 3]),
      box(3, 1, [9, 2, 30, 3]),
      box(3, 1, [-20, 2, 15, 3]),
      box(8, 1, [1, 1, 2, 2]),
      box(3, 5, [1, 1, 2, 2]),
      box(3, 1, 'x'),
    ]),
  )
  const { images, classes, labels, skipped } = readCoco(file, '/images')
  t.deepEqual(images, ['/images/a.jpg', '/images/b.jpg'])
  t.deepEqual(classes, ['toothbrush', 'person'])
  t.deepEqual([...labels], [1, 0, 0, 1])
  t.is(skipped.length, 3)
})

test('damaged annotations are an error that names the file', (t) => {
  const folder = scratch(t)
  const bad = [
    '{',
    'null',
    '[]',
    '{"images": [], "categories": [null], "annotations": []}',
    '{"images": [{}], "categories": [], "annotations": []}',
  ]
  for (const text of bad) {
    const file = save(folder, 'x.json', text)
    t.throws(() => readCoco(file, '/i'), { message: new RegExp(file) }, text)
  }
  t.throws(() => readCoco(join(folder, 'none.json'), '/i'), { message: /none\.json/ })
  const outside = save(
    folder,
    'x.json',
    '{"images": [{"file_name": "../x"}], "categories": [], "annotations": []}',
  )
  t.throws(() => readCoco(outside, '/i'), { message: /an image has the name "\.\.\/x"/ })
})

test('a catalog entry that is a root of VOC or COCO gets lists, made again when the root changes', (t) => {
  const folder = scratch(t)
  const root = voc(join(folder, 'VOC2007'), ['trainval', 'test'])
  const record = {
    name: 'voc2007_folder',
    entry: { train: [root, root], val: [root, root] },
    file: undefined,
  }
  const { entry } = builtEntry(record, folder)
  const images = join(folder, 'datasets/voc2007_folder_train_images.npy')
  t.deepEqual(entry.train, [images, join(folder, 'datasets/voc2007_folder_train_labels.npy')])
  const made = statSync(images).mtimeMs
  builtEntry(record, folder)
  t.is(statSync(images).mtimeMs, made)
  const later = new Date(made + 60_000)
  utimesSync(join(root, 'ImageSets/Main/cat_trainval.txt'), later, later)
  builtEntry(record, folder)
  t.not(statSync(images).mtimeMs, made)
  const other = { name: 'x', entry: { train: ['/nowhere', '/nowhere'] }, file: undefined }
  t.deepEqual(builtEntry(other, folder).entry, other.entry)
})
