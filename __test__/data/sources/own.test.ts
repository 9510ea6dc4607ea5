import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { copyTensor, createLoader, type DataSplit, releaseTensor } from '../../../ts/data/index.ts'
import { png } from '../../launch/_images.ts'
import { chapter } from '../../launch/_own.ts'

const folder = mkdtempSync(join(tmpdir(), 'vissl-own-'))
test.after.always(() => rmSync(folder, { recursive: true, force: true }))

test('the source of the guide reads images and labels; a broken one is replaced and named', async (t) => {
  t.deepEqual((await chapter('data-set')).registered, ['data source packed'])
  const images = [0, 1, 2, 3].map((seed) => png(8, seed))
  images[2] = Buffer.from('no image')
  let offset = 0
  const entries = images.map((image, index) => {
    offset += image.length
    return { offset: offset - image.length, bytes: image.length, label: index * 10 }
  })
  const path = join(folder, 'set')
  writeFileSync(`${path}.json`, JSON.stringify(entries))
  writeFileSync(`${path}.bin`, Buffer.concat(images))
  for (const [index, image] of images.entries()) writeFileSync(join(folder, `${index}.png`), image)
  writeFileSync(join(folder, 'x.csv'), images.map((_, index) => `${index}.png,${index * 10}\n`).join(''))
  const read = async (source: string, where: string) => {
    const split: DataSplit = {
      DATA_SOURCES: [source],
      DATA_PATHS: [where],
      LABEL_SOURCES: [source],
      TRANSFORMS: [{ name: 'ToTensor' }],
      COLLATE_FUNCTION: 'default_collate',
      BATCHSIZE_PER_REPLICA: 4,
      DEFAULT_GRAY_IMG_SIZE: 8,
    }
    using loader = createLoader({ split, order: 'sequential', workers: 2, maxFailed: 1 })
    const tensors: Record<string, number[]> = {}
    for await (const batch of loader.epoch(0)) {
      for (const name of batch.names) {
        const tensor = batch.takeMemory(name)
        tensors[name] = [...copyTensor(tensor)]
        releaseTensor(tensor)
      }
    }
    return { tensors, failures: loader.failures }
  }
  const own = await read('packed', path)
  const table = await read('csv', join(folder, 'x.csv'))
  t.deepEqual(own.tensors, table.tensors)
  t.is(own.failures.length, 1)
  t.like(own.failures[0], { sample: 2, name: 'packed[2]', reason: 'not an image' })
})
