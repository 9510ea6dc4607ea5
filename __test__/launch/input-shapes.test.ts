import test from 'ava'
import { inputShapes } from '../../ts/launch/input-shapes.ts'

type Split = Parameters<typeof inputShapes>[0]

const split = (collate: string, transforms: Record<string, unknown>[], keys = ['data']): Split =>
  ({ COLLATE_FUNCTION: collate, TRANSFORMS: transforms, INPUT_KEY_NAMES: keys }) as unknown as Split

const crop = { name: 'RandomResizedCrop', size: 96 }

test('what transforms and collator make', (t) => {
  const views = { name: 'ImgReplicatePil', num_times: 2 }
  t.deepEqual(inputShapes(split('simclr_collator', [views, crop]), 4), [8, 3, 96, 96])
  t.deepEqual(
    inputShapes(
      split('default_collate', [
        { name: 'Resize', size: 256 },
        { name: 'CenterCrop', size: [64, 48] },
      ]),
      4,
    ),
    [4, 3, 64, 48],
  )
  t.deepEqual(inputShapes(split('moco_collator', [views, crop]), 4), [4, 3, 96, 96])
  const crops = { name: 'ImgPilToMultiCrop', num_crops: [2, 1], size_crops: [160, 96] }
  t.deepEqual(inputShapes(split('multicrop_collator', [crops]), 4), [
    [4, 3, 160, 160],
    [4, 3, 160, 160],
    [4, 3, 96, 96],
  ])
})

test('what cannot be told is not guessed', (t) => {
  for (const unknown of [
    split('default_collate', [{ name: 'ToTensor' }]),
    split('siamese_collator', [crop]),
    split('default_collate', [{ name: 'ImgReplicatePil', num_times: 2 }, crop]),
    split('simclr_collator', [{ name: 'ImgReplicatePil', num_times: 'two' }, crop]),
    split('default_collate', [crop], ['images', 'patches']),
    split('multicrop_collator', [{ name: 'ImgPilToMultiCrop', num_crops: 2 }]),
  ])
    t.is(inputShapes(unknown, 4), undefined)
})
