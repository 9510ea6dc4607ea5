import test from 'ava'
import {
  copyTensor,
  createLoader,
  type DataSplit,
  type Loader,
  registerSource,
  registerTransform,
  releaseTensor,
} from '../../ts/data/index.ts'
import { plain } from './_transforms.ts'

const module = new URL('./_transforms.ts', import.meta.url)
registerTransform('Fill', { module, export: 'fill' })
registerTransform('AddRandom', { module, export: 'addRandom' })
registerTransform('Half', { module, export: 'half' })
registerTransform('Wrong', { module, export: 'wrong' })
registerTransform('Missing', { module, export: 'nothing' })
registerSource('plain', { module, export: 'plain', create: plain })

const split: DataSplit = {
  DATA_SOURCES: ['shapes'],
  DATA_PATHS: [],
  LABEL_SOURCES: ['shapes'],
  TRANSFORMS: [],
  COLLATE_FUNCTION: 'default_collate',
  BATCHSIZE_PER_REPLICA: 4,
  DATA_LIMIT: 12,
}

async function floats(loader: Loader): Promise<{ shape: number[]; values: Float32Array }[]> {
  const all: { shape: number[]; values: Float32Array }[] = []
  for await (const batch of loader.epoch(0)) {
    const tensor = batch.takeMemory('data.0')
    all.push({ shape: tensor.shape, values: new Float32Array(copyTensor(tensor).slice().buffer) })
    releaseTensor(tensor)
  }
  return all
}

test('transforms in TypeScript run between native ones, on pictures and on tensors', async (t) => {
  const TRANSFORMS = [
    { name: 'Fill', value: 51, times: 2 },
    { name: 'Half' },
    { name: 'CenterCrop', size: 10 },
    { name: 'ToTensor' },
    { name: 'Normalize', mean: [0.4], std: [0.5] },
  ]
  using loader = createLoader({ split: { ...split, TRANSFORMS }, workers: 2 })
  const batches = await floats(loader)
  t.is(batches.length, 3)
  for (const { shape, values } of batches) {
    t.deepEqual(shape, [4, 3, 10, 10])
    for (const value of values) t.true(Math.abs(value - (102 / 255 - 0.4) / 0.5) < 1e-6)
  }
})

test('what they draw follows from seed, sample and view, not from workers', async (t) => {
  const TRANSFORMS = [
    { name: 'Fill', value: 0 },
    { name: 'ImgReplicatePil', num_times: 2 },
    { name: 'ToTensor' },
    { name: 'AddRandom' },
  ]
  const run = async (workers: number, seed: number) => {
    using loader = createLoader({
      split: { ...split, TRANSFORMS, COLLATE_FUNCTION: 'simclr_collator' },
      workers,
      seed,
    })
    return (await floats(loader)).map(({ values }) => values)
  }
  const alone = await run(1, 5)
  t.deepEqual(await run(3, 5), alone)
  t.notDeepEqual(await run(1, 6), alone)
  const [first] = alone
  const perImage = first!.length / 8
  const drawn = Array.from({ length: 8 }, (_, at) => first![at * perImage]!)
  t.is(new Set(drawn).size, 8)
  t.true(drawn.every((value) => value >= 1 && value < 2))
})

test('a transform that fails names itself and the sample', async (t) => {
  const failing = async (transform: Record<string, unknown>) => {
    using loader = createLoader({
      split: { ...split, TRANSFORMS: [transform, { name: 'ToTensor' }] } as DataSplit,
    })
    return (await t.throwsAsync(floats(loader)))!.message
  }
  t.regex(await failing({ name: 'Fill' }), /shapes\[\d+\]: Fill: value must be a number/)
  t.regex(await failing({ name: 'Wrong' }), /neither a picture nor a tensor/)
  t.regex(await failing({ name: 'Missing' }), /exports no function "nothing"/)
})

test('a source in TypeScript gives pictures, labels and classes', async (t) => {
  using loader = createLoader({
    split: {
      ...split,
      DATA_SOURCES: ['plain'],
      DATA_PATHS: ['10'],
      LABEL_SOURCES: ['plain'],
      TRANSFORMS: [{ name: 'ImgPilToRawTensor' }],
      BATCHSIZE_PER_REPLICA: 10,
      DEFAULT_GRAY_IMG_SIZE: 4,
    },
    order: 'sequential',
    maxFailed: 0.2,
  })
  t.deepEqual(loader.info.classes, ['even', 'odd'])
  t.is(loader.info.samples, 10)
  for await (const batch of loader.epoch(0)) {
    const label = batch.takeMemory('label.0')
    t.deepEqual(
      [...new BigInt64Array(copyTensor(label).slice().buffer)].map(Number),
      [0, 1, 0, 1, 0, 1, 0, 1, 0, 1],
    )
    releaseTensor(label)
    const data = batch.takeMemory('data.0')
    const values = new Float32Array(copyTensor(data).slice().buffer)
    releaseTensor(data)
    t.deepEqual(data.shape[0], 10)
    t.is(values[3 * 48], 3)
  }
  t.deepEqual(
    loader.failures.map(({ name, reason }) => [name, reason]),
    [
      ['plain[4]', 'unreadable: lost'],
      ['plain[9]', 'unreadable: lost'],
    ],
  )
})
