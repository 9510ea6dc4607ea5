import test from 'ava'
import { createLoader, type DataSplit, type LoaderOptions, releaseTensor } from '../../ts/data/index.ts'

const tensor = { name: 'ToTensor' }
const crops = (name: string, more: object = {}): Record<string, unknown> => ({ name, ...more })
const split = (
  transforms: Record<string, unknown>[],
  collator: string,
  more: Partial<DataSplit> = {},
): DataSplit => ({
  DATA_SOURCES: ['shapes'],
  DATA_PATHS: [],
  LABEL_SOURCES: ['shapes'],
  TRANSFORMS: [...transforms, tensor] as DataSplit['TRANSFORMS'],
  COLLATE_FUNCTION: collator,
  BATCHSIZE_PER_REPLICA: 4,
  DATA_LIMIT: 8,
  ...more,
})

async function first(options: LoaderOptions): Promise<Record<string, string>> {
  using loader = createLoader(options)
  const found: Record<string, string> = {}
  for await (const batch of loader.epoch(0)) {
    for (const name of batch.names) {
      const memory = batch.takeMemory(name)
      found[name] = `${memory.dtype} ${memory.shape.join('×')}`
      releaseTensor(memory)
    }
    break
  }
  return found
}

const multiCrop = crops('ImgPilToMultiCrop', {
  total_num_crops: 3,
  num_crops: [2, 1],
  size_crops: [12, 8],
  crop_scales: [
    [0.2, 1],
    [0.1, 0.3],
  ],
})

test('a batch may hold tensors of several shapes', async (t) => {
  t.deepEqual(await first({ split: split([multiCrop], 'multicrop_collator') }), {
    'data.0.0': 'float32 4×3×12×12',
    'data.0.1': 'float32 4×3×12×12',
    'data.0.2': 'float32 4×3×8×8',
    'label.0': 'int64 12',
    'data_idx.0': 'int64 12',
    'data_valid.0': 'int64 12',
  })
  t.deepEqual(await first({ split: split([multiCrop], 'multicrop_mixup_collator') }), {
    'data.0.0': 'float32 2×3×12×12',
    'data.0.1': 'float32 2×3×12×12',
    'data.0.2': 'float32 2×3×8×8',
    'label.0': 'int64 6',
    'data_idx.0': 'int64 6',
    'data_valid.0': 'int64 6',
  })
  const patches = crops('ImgPilToPatchesAndImage', { crop_size_image: 16, crop_size_patches: 99 })
  t.deepEqual(await first({ split: split([patches], 'patch_and_image_collator') }), {
    'images.0': 'float32 4×3×16×16',
    'patches.0': 'float32 36×3×12×12',
    'label.0': 'int64 4',
    'data_valid.0': 'bool 4',
  })
})

test('two views of MoCo, soft targets of CutMix, towers of a siamese network', async (t) => {
  const two = [crops('ImgReplicatePil', { num_times: 2 }), crops('RandomResizedCrop', { size: 8 })]
  t.deepEqual(await first({ split: split(two, 'moco_collator') }), {
    'data.0': 'float32 4×3×8×8',
    'data_momentum.0': 'float32 4×3×8×8',
    'label.0': 'int64 4×2',
    'data_idx.0': 'int64 4×2',
    'data_valid.0': 'int64 4×2',
  })
  const soft = split(two, 'cutmixup_collator', {
    COLLATE_FUNCTION_PARAMS: { num_classes: 10, ssl_method: 'simclr' },
  })
  t.deepEqual(await first({ split: soft }), {
    'data.0': 'float32 8×3×8×8',
    'label.0': 'float32 8×10',
    'data_idx.0': 'int64 8',
    'data_valid.0': 'int64 8',
  })
  const jigsaw = split([], 'siamese_collator', {
    TRANSFORMS: [{ name: 'ToTensor' }, { name: 'ImgPatchesFromTensor', num_patches: 4, patch_jitter: 2 }],
  })
  t.deepEqual(await first({ split: jigsaw }), {
    'data.0': 'float32 16×3×14×14',
    'label.0': 'int64 4',
    'data_valid.0': 'bool 4',
  })
})

test('the keyed order and parts of a data set reach the engine', async (t) => {
  const one = [crops('RandomCrop', { size: 8 })]
  const huge = split(one, 'default_collate', {
    DATA_SOURCES: ['synthetic'],
    LABEL_SOURCES: [],
    DATA_LIMIT: 1_000_000_000,
    USE_KEYED_SAMPLER: true,
    DEFAULT_GRAY_IMG_SIZE: 8,
  })
  using loader = createLoader({ split: huge, workers: 0 })
  t.is(loader.info.samples, 1_000_000_000)
  t.is(loader.batches, 250_000_000)
  for await (const batch of loader.epoch(0, 200_000_000)) {
    t.is(batch.index, 200_000_000)
    break
  }
})
