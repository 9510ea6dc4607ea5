import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { copyTensor, createLoader, type DataSplit, type Loader, releaseTensor } from '../../ts/data/index.ts'
import { png } from '../launch/_images.ts'

async function drain(loader: Loader, start = 0): Promise<Buffer> {
  const parts: Uint8Array[] = []
  for await (const batch of loader.epoch(0, start)) {
    const { data, label } = batch.takeAllMemory()
    for (const tensor of [...data, ...label]) {
      parts.push(copyTensor(tensor))
      releaseTensor(tensor)
    }
  }
  return Buffer.concat(parts)
}

test('decoded images on disk: the same batches, found by later loaders, mended when damaged', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'vissl-decoded-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  for (let seed = 0; seed < 12; seed++) writeFileSync(join(folder, `${seed}.png`), png(12, seed))
  const cache = join(folder, 'cache')
  const split: DataSplit = {
    DATA_SOURCES: ['disk_folder'],
    DATA_PATHS: [folder],
    LABEL_SOURCES: [],
    TRANSFORMS: [{ name: 'RandomResizedCrop', size: 8 }, { name: 'ToTensor' }],
    COLLATE_FUNCTION: 'default_collate',
    BATCHSIZE_PER_REPLICA: 4,
  }
  const kept: DataSplit = { ...split, DECODED_CACHE_DISK_MIB: 1, DECODED_CACHE_DIR: cache }
  const open = (of: DataSplit) => createLoader({ split: of, workers: 2 })
  using plain = open(split)
  const expected = await drain(plain)
  const rest = await drain(plain, 1)

  using first = open(kept)
  t.deepEqual(await drain(first), expected)
  t.like(first.stats, { cacheHits: 0, cacheDamaged: 0 })
  t.deepEqual(await drain(first, 1), rest)
  t.is(first.stats.cacheHits, 8)

  const entries = readdirSync(cache, { recursive: true, encoding: 'utf8' })
    .map((name) => join(cache, name))
    .filter((path) => /[0-9a-f]{30}$/.test(path) && statSync(path).isFile())
  t.is(entries.length, 12)
  const bytes = readFileSync(entries[0]!)
  bytes[bytes.length - 1]! ^= 1
  writeFileSync(entries[0]!, bytes)
  writeFileSync(entries[1]!, readFileSync(entries[1]!).subarray(0, 20))
  using second = open(kept)
  t.deepEqual(await drain(second), expected)
  t.like(second.stats, { cacheHits: 10, cacheDamaged: 2 })

  // A file that has changed is decoded again, and so is one that is to be turned upright or not.
  writeFileSync(join(folder, '0.png'), png(16, 99))
  using third = open(kept)
  await drain(third)
  t.is(third.stats.cacheHits, 11)
  using other = open({ ...kept, EXIF_ORIENTATION: false })
  await drain(other)
  t.is(other.stats.cacheHits, 0)

  // No folder can be made below a file: the run goes on without.
  using without = open({ ...kept, DECODED_CACHE_DIR: join(folder, '0.png', 'cache') })
  t.is((await drain(without)).length, expected.length)
  t.regex(without.stats.cacheTrouble ?? '', /0\.png/)
})
