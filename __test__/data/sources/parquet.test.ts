import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { checkData, createLoader } from '../../../ts/data/index.ts'
import { readParquet } from '../../../ts/data/sources/parquet.ts'
import { parquetRows } from '../../../ts/data/sources/parquet-rows.ts'
import { ExitCode, VisslError } from '../../../ts/errors.ts'
import { png } from '../../launch/_images.ts'

// Files that pyarrow has written, see make.py beside them.
const golden = (name: string): string =>
  fileURLToPath(new URL(`../../golden/parquet/${name}.parquet`, import.meta.url))

const paths = ['a', 'b', 'c', 'ä', 'e f', 'g'].map((name) => `images/${name}.png`)
const numbers = ['3', '0', '1', '0', '2', '3']
const names = ['dog', 'ant', 'bee', 'ant', 'cat', 'dog']

test('every compression, encoding and row group of pyarrow', async (t) => {
  for (const name of ['none', 'snappy', 'gzip', 'zstd', 'brotli', 'lz4', 'int8', 'floats'])
    t.deepEqual(await parquetRows(golden(name)), { paths, labels: numbers }, name)
  for (const name of ['names', 'large-string'])
    t.deepEqual(await parquetRows(golden(name)), { paths, labels: names }, name)
  t.deepEqual(await parquetRows(golden('unlabelled')), { paths, labels: [] })
})

test('what is no list says so with the file and the place', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'vissl-parquet-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const whole = readFileSync(golden('snappy'))
  const damaged = (name: string, bytes: Uint8Array): string => {
    const path = join(folder, `${name}.parquet`)
    writeFileSync(path, bytes)
    return path
  }
  const huge = Buffer.from(whole)
  // The length of the footer.
  huge.writeUInt32LE(0xfffffff0, whole.length - 8)
  const cases: [string, RegExp][] = [
    [golden('null-label'), /row 3 has no label/],
    [golden('null-path'), /row 6 has no path/],
    [golden('no-path'), /no column named path, image, file, filename; its columns are url, label/],
    [golden('number-path'), /row 1 of the column path is no text/],
    [golden('record-image'), /the column image holds lists or records/],
    [golden('list-label'), /the column label holds lists or records/],
    [damaged('nothing', Buffer.alloc(0)), /no whole Parquet file/],
    [damaged('text', Buffer.from('path,label\na.png,1\n')), /no whole Parquet file/],
    [damaged('cut', whole.subarray(0, whole.length - 30)), /no whole Parquet file/],
    [damaged('headless', whole.subarray(200)), /no whole Parquet file/],
    [damaged('huge', huge), /no whole Parquet file/],
  ]
  for (const [path, message] of cases) await t.throwsAsync(parquetRows(path), { message })
  const empty = golden('empty')
  const error = t.throws(() => readParquet(empty), { instanceOf: VisslError, message: /holds no image/ })
  t.is(error?.exitCode, ExitCode.data)
  t.true(error?.message.includes(empty))
  t.throws(() => readParquet(golden('no-path')), { instanceOf: VisslError, message: /no column named path/ })
})

test('a source of images and labels, relative to its folder', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'vissl-parquet-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  mkdirSync(join(folder, 'images'))
  paths.forEach((path, seed) => {
    writeFileSync(join(folder, path), png(8, seed))
  })
  const open = (name: string) => {
    copyFileSync(golden(name), join(folder, `${name}.parquet`))
    return createLoader({
      split: {
        DATA_SOURCES: ['parquet'],
        DATA_PATHS: [join(folder, `${name}.parquet`)],
        LABEL_SOURCES: ['parquet'],
        TRANSFORMS: [{ name: 'ToTensor' }],
        COLLATE_FUNCTION: 'default_collate',
        BATCHSIZE_PER_REPLICA: 2,
      },
    })
  }
  using loader = open('names')
  t.like(loader.info, { samples: 6, labelled: true, classes: ['ant', 'bee', 'cat', 'dog'] })
  let batches = 0
  for await (const _ of loader.epoch(0)) batches++
  t.is(batches, 3)
  t.is(loader.failures.length, 0)
  t.like(await checkData(join(folder, 'names.parquet')), { images: 6, good: 6 })
  t.throws(() => open('nan'), { instanceOf: VisslError, message: /label of image 1 is NaN, no whole number/ })
})
