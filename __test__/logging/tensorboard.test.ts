import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { inflateSync } from 'node:zlib'
import test from 'ava'
import { tensor } from '../../ts/engine/index.ts'
import { histogramOf } from '../../ts/hooks/histogram.ts'
import { addProjection, EventFile, encodePng } from '../../ts/logging/index.ts'
import { crc32c } from '../../ts/logging/tensorboard/crc32c.ts'
import { eventsOf } from './_events.ts'
import { temporaryFolder } from './output.ts'

interface Golden {
  scalars: [string, number][]
  histograms: number[][]
  image: { height: number; width: number; pixels: number[] }
  events: string
}

const golden = JSON.parse(
  readFileSync(new URL('../golden/logging/events.json', import.meta.url), 'utf8'),
) as Golden

test('the checksum of Castagnoli', (t) => {
  // RFC 3720, B.4
  t.is(crc32c(new Uint8Array(32)), 0x8a9136aa)
  t.is(crc32c(new Uint8Array(32).fill(0xff)), 0x62a8ab43)
  t.is(crc32c(Buffer.from('123456789')), 0xe3069283)
})

test('events are byte for byte those of PyTorch’s writer', (t) => {
  const folder = temporaryFolder()
  const file = new EventFile(folder, () => 1600000000.25)
  for (const [value, step] of golden.scalars) file.scalar('Training/Loss', Number(value), step)
  for (const values of golden.histograms)
    file.histogram('Parameters/w', histogramOf(tensor(Float32Array.from(values)))!, 300)
  const { height, width, pixels } = golden.image
  file.image('views', { height, width, channels: 3, data: Uint8Array.from(pixels) }, 2)
  file.close()
  const ours = eventsOf(readFileSync(file.path))
  const theirs = eventsOf(Buffer.from(golden.events, 'hex'))
  t.is(ours.length, theirs.length)
  t.true(ours[0]!.includes('brain.Event:2'))
  // The first holds the writer's name and time, the last an image compressed by another library.
  for (let i = 1; i < ours.length - 1; i++) t.true(ours[i]!.equals(theirs[i]!), `event ${i}`)
  const png = (event: Buffer) => event.indexOf(Buffer.from('89504e47', 'hex'))
  const header = (event: Buffer) => event.subarray(png(event) - 10, png(event) + 33)
  t.true(header(ours.at(-1)!).includes(Buffer.from('49484452', 'hex')))
  t.is(header(ours.at(-1)!).subarray(10).toString('hex'), header(theirs.at(-1)!).subarray(10).toString('hex'))
})

test('a PNG holds its pixels', (t) => {
  const data = Uint8Array.from([1, 2, 3, 4, 5, 6])
  const png = Buffer.from(encodePng({ width: 3, height: 2, channels: 1, data }))
  const at = png.indexOf('IDAT')
  const rows = inflateSync(png.subarray(at + 4, at + 4 + png.readUInt32BE(at - 4)))
  t.deepEqual([...rows], [0, 1, 2, 3, 0, 4, 5, 6])
})

test('nothing is counted of what has no place', (t) => {
  t.is(histogramOf(tensor([])), undefined)
  t.is(histogramOf(tensor([1, Number.NaN])), undefined)
  t.deepEqual(histogramOf(tensor([1e25]))?.counts, [])
})

test('a file is made at the first event; events wait for the flush', (t) => {
  const folder = join(temporaryFolder(), 'tb_logs')
  const file = new EventFile(folder)
  file.flush()
  t.false(existsSync(folder))
  const size = () => readFileSync(file.path).length
  file.scalar('x', 1, 1)
  const before = size()
  file.scalar('x', 1, 2)
  t.is(size(), before)
  file.flush()
  t.true(size() > before)
  file.close()
  file.scalar('x', 1, 3)
  file.close()
  t.is(eventsOf(readFileSync(file.path)).length, 3)
})

test('embeddings for the projector', (t) => {
  const folder = temporaryFolder()
  const vectors = Float32Array.from([1, 2, 3, 4])
  addProjection(folder, { name: 'epoch_1', vectors, width: 2, labels: ['a\tb', 'c'] })
  for (let i = 0; i < 2; i++) addProjection(folder, { name: 'epoch_2', vectors, width: 2 })
  t.deepEqual(readdirSync(folder).sort(), [
    'epoch_1.tsv',
    'epoch_1_labels.tsv',
    'epoch_2.tsv',
    'projector_config.pbtxt',
  ])
  t.is(readFileSync(join(folder, 'epoch_1.tsv'), 'utf8'), '1\t2\n3\t4\n')
  t.is(readFileSync(join(folder, 'epoch_1_labels.tsv'), 'utf8'), 'a b\nc\n')
  const config = readFileSync(join(folder, 'projector_config.pbtxt'), 'utf8')
  t.is(config.match(/embeddings \{/g)?.length, 2)
})
