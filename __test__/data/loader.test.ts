import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { deflateSync } from 'node:zlib'
import test from 'ava'
import {
  copyTensor,
  createLoader,
  type DataSplit,
  type Loader,
  type NativeTensor,
  releaseTensor,
  type TrainingBatch,
} from '../../ts/data/index.ts'
import { ExitCode, VisslError } from '../../ts/errors.ts'

const simclr: DataSplit = {
  DATA_SOURCES: ['shapes'],
  DATA_PATHS: [],
  LABEL_SOURCES: ['shapes'],
  TRANSFORMS: [
    { name: 'ImgReplicatePil', num_times: 2 },
    { name: 'RandomResizedCrop', size: 16 },
    { name: 'RandomHorizontalFlip' },
    { name: 'ImgPilColorDistortion', strength: 0.5 },
    { name: 'ToTensor' },
    { name: 'Normalize', mean: [0.5], std: [0.25] },
  ],
  COLLATE_FUNCTION: 'simclr_collator',
  BATCHSIZE_PER_REPLICA: 8,
  DATA_LIMIT: 36,
}

function bytesOf(batch: TrainingBatch): Buffer {
  const { data, label, dataIdx, dataValid } = batch.takeAllMemory()
  return Buffer.concat([...data, ...label, ...dataIdx, ...dataValid].map(copyAndRelease))
}

function copyAndRelease(tensor: NativeTensor): Uint8Array {
  const bytes = copyTensor(tensor)
  releaseTensor(tensor)
  return bytes
}

const longs = (tensor: NativeTensor): number[] =>
  [...new BigInt64Array(copyAndRelease(tensor).slice().buffer)].map(Number)

async function drain(loader: Loader, epoch: number, startBatch = 0): Promise<Buffer[]> {
  const batches: Buffer[] = []
  for await (const batch of loader.epoch(epoch, startBatch)) batches.push(bytesOf(batch))
  return batches
}

function crc32(bytes: Uint8Array): number {
  let sum = 0xffffffff
  for (const byte of bytes) {
    sum ^= byte
    for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ (sum & 1 ? 0xedb88320 : 0)
  }
  return (sum ^ 0xffffffff) >>> 0
}

/** A PNG of one gray value. */
function png(side: number, value: number): Buffer {
  const chunk = (kind: string, data: Buffer) => {
    const body = Buffer.concat([Buffer.from(kind), data])
    const length = Buffer.alloc(4)
    length.writeUInt32BE(data.length)
    const sum = Buffer.alloc(4)
    sum.writeUInt32BE(crc32(body))
    return Buffer.concat([length, body, sum])
  }
  const header = Buffer.alloc(13)
  header.writeUInt32BE(side, 0)
  header.writeUInt32BE(side, 4)
  header[8] = 8
  const rows = Buffer.alloc(side * (side + 1), value)
  for (let y = 0; y < side; y++) rows[y * (side + 1)] = 0
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
  return Buffer.concat([
    signature,
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(rows)),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

function folderOf(files: Record<string, Buffer | string>): { path: string; [Symbol.dispose](): void } {
  const path = mkdtempSync(join(tmpdir(), 'vissl-data-test-'))
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(join(path, name, '..'), { recursive: true })
    writeFileSync(join(path, name), content)
  }
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

const folderSplit = (path: string): DataSplit => ({
  DATA_SOURCES: ['disk_folder'],
  DATA_PATHS: [path],
  LABEL_SOURCES: ['disk_folder'],
  TRANSFORMS: [{ name: 'Resize', size: [4, 4] }, { name: 'ToTensor' }],
  COLLATE_FUNCTION: 'default_collate',
  BATCHSIZE_PER_REPLICA: 4,
})

test('a batch has the views copy by copy, in aligned memory', async (t) => {
  using loader = createLoader({ split: simclr, order: 'sequential' })
  t.is(loader.batches, 5)
  t.is(loader.batchSize, 8)
  t.is(loader.info.views, 2)
  t.is(loader.info.classes.length, 10)
  for await (const batch of loader.epoch(0)) {
    if (batch.index > 0) break
    t.deepEqual(batch.names, ['data.0', 'label.0', 'data_idx.0', 'data_valid.0'])
    const { data, label, dataIdx, dataValid } = batch.takeAllMemory()
    const image = data[0]!
    t.deepEqual(image.shape, [16, 3, 16, 16])
    t.deepEqual(image.strides, [768, 256, 16, 1])
    t.is(image.address % 64n, 0n)
    t.is(image.bytes, 16 * 3 * 16 * 16 * 4)
    const indices = [0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6, 7]
    t.deepEqual(longs(dataIdx[0]!), indices)
    t.deepEqual(longs(label[0]!), indices)
    t.deepEqual(longs(dataValid[0]!), Array(16).fill(1))
    releaseTensor(image)
    t.throws(() => batch.takeMemory('data.0'), { instanceOf: VisslError, message: /no tensor "data.0"/ })
  }
})

test('batches are the same for any number of workers and any start', async (t) => {
  using alone = createLoader({ split: simclr, seed: 7, workers: 0 })
  const whole = await drain(alone, 3)
  for (const workers of [1, 2, 4]) {
    using loader = createLoader({ split: simclr, seed: 7, workers })
    t.deepEqual(await drain(loader, 3), whole)
    t.deepEqual(await drain(loader, 3, 2), whole.slice(2))
    t.notDeepEqual(await drain(loader, 4), whole)
  }
})

test('leaving an epoch ends it and another can begin', async (t) => {
  using loader = createLoader({ split: simclr, workers: 2 })
  for (let taken = 0; taken < 4; taken++) {
    let seen = 0
    for await (const batch of loader.epoch(0)) {
      t.is(batch.size, 8)
      if (seen++ === taken) break
    }
  }
  const first = loader.epoch(0)
  await first.next()
  const whole = await drain(loader, 1)
  t.is(whole.length, 5)
  t.true((await first.next()).done)
  t.is(loader.stats.failures, 0)
  t.true(loader.stats.batches >= 5)
})

test('releasing twice does no harm, copying afterwards is an error', async (t) => {
  using loader = createLoader({ split: simclr })
  for await (const batch of loader.epoch(0)) {
    const tensor = batch.takeMemory('data.0')
    releaseTensor(tensor)
    releaseTensor(tensor)
    t.throws(() => copyTensor(tensor), { message: /released already/ })
    break
  }
})

test('channels last is told by the strides', async (t) => {
  using loader = createLoader({ split: simclr, channelsLast: true })
  for await (const batch of loader.epoch(0, 4)) {
    const image = batch.takeMemory('data.0')
    t.deepEqual(image.shape, [8, 3, 16, 16])
    t.deepEqual(image.strides, [768, 1, 48, 3])
    t.true(image.channelsLast)
    releaseTensor(image)
  }
})

test('a folder gives classes, labels and what it skips', async (t) => {
  using folder = folderOf({ 'cat/1.png': png(5, 10), 'ant/2.png': png(6, 20), 'ant/note.txt': 'x' })
  using loader = createLoader({ split: folderSplit(folder.path), order: 'sequential' })
  t.deepEqual(loader.info.classes, ['ant', 'cat'])
  t.deepEqual(loader.info.skipped, [{ path: join(folder.path, 'ant/note.txt'), reason: 'not an image' }])
  for await (const batch of loader.epoch(0)) t.deepEqual(longs(batch.takeMemory('label.0')), [0, 1])
  using unlabelled = createLoader({ split: { ...folderSplit(folder.path), LABEL_SOURCES: [] } })
  t.false(unlabelled.info.labelled)
})

test('broken images are counted and named, too many stop the loader', async (t) => {
  const files = Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`${i}.png`, png(5, 10)]))
  using folder = folderOf({ ...files, 'b.jpg': 'no image', 'c.png': png(5, 10).subarray(0, 40) })
  using loader = createLoader({ split: folderSplit(folder.path), maxFailed: 0.2 })
  await drain(loader, 0)
  t.deepEqual(
    loader.failures.map(({ name, reason }) => [name.slice(folder.path.length + 1), reason]),
    [
      ['b.jpg', 'not an image'],
      ['c.png', 'truncated'],
    ],
  )
  using strict = createLoader({ split: folderSplit(folder.path), maxFailed: 0 })
  const error = await t.throwsAsync(drain(strict, 0), { instanceOf: VisslError })
  t.regex(error.message, /1 of 11 images could not be decoded|2 of 11 images could not be decoded/)
  t.is(error.exitCode, ExitCode.data)
})

test('missing data and wrong blocks say what and where', (t) => {
  using empty = folderOf({})
  const cases: [Partial<DataSplit>, RegExp, ExitCode][] = [
    [
      folderSplit('/no/such/folder'),
      /DATA\.TRAIN\.DATA_PATHS\[0\] is \/no\/such\/folder, which does not exist/,
      ExitCode.data,
    ],
    [folderSplit(empty.path), /holds no image/, ExitCode.data],
    [
      { ...folderSplit(''), DATASET_NAMES: ['imagenet1k_folder'] },
      /"imagenet1k_folder", train.* is the placeholder/,
      ExitCode.data,
    ],
    [
      { DATA_SOURCES: ['disk_foldr'] },
      /no data source named "disk_foldr"; did you mean disk_folder/,
      ExitCode.usage,
    ],
    [{ DATA_SOURCES: [] }, /DATA_SOURCES is empty/, ExitCode.usage],
    [{ LABEL_SOURCES: ['disk_folder'] }, /LABEL_SOURCES/, ExitCode.usage],
    [
      { COLLATE_FUNCTION: 'simclr_colator' },
      /no collator named.*did you mean simclr_collator/,
      ExitCode.usage,
    ],
    [
      { TRANSFORMS: [{ name: 'Nothing' }] },
      /DATA\.TRAIN: TRANSFORMS\[0\]: there is no transform named "Nothing"/,
      ExitCode.usage,
    ],
    [{ BATCHSIZE_PER_REPLICA: 0 }, /batch size/, ExitCode.usage],
    [{ BATCHSIZE_PER_REPLICA: 64, DROP_LAST: true }, /36 samples give no batch of 64/, ExitCode.data],
  ]
  for (const [changes, message, exitCode] of cases) {
    const error = t.throws(() => createLoader({ split: { ...simclr, ...changes } }), {
      instanceOf: VisslError,
      message,
    })
    t.is(error.exitCode, exitCode)
  }
})

test('synthetic images follow DEFAULT_GRAY_IMG_SIZE and sample indices are labels by default', async (t) => {
  const split: DataSplit = {
    ...simclr,
    DATA_SOURCES: ['synthetic'],
    LABEL_SOURCES: [],
    TRANSFORMS: [{ name: 'ToTensor' }],
    COLLATE_FUNCTION: 'default_collate',
    DEFAULT_GRAY_IMG_SIZE: 12,
    DATA_LIMIT: 3,
  }
  using loader = createLoader({ split, order: 'sequential' })
  for await (const batch of loader.epoch(0)) {
    const image = batch.takeMemory('data.0')
    t.deepEqual(image.shape, [3, 3, 12, 12])
    t.is(new Float32Array(copyAndRelease(image).slice().buffer)[5], Math.fround(128 / 255))
    t.deepEqual(longs(batch.takeMemory('label.0')), [0, 1, 2])
  }
})
