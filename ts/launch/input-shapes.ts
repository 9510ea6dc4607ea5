import type { Config } from '../config/index.ts'
import type { InputShapes } from '../models/index.ts'

type Split = Config['DATA']['TRAIN'] | Config['DATA']['TEST']

/** Transforms after which images have the side that `size` gives. */
const croppers = ['RandomResizedCrop', 'CenterCrop', 'RandomCrop', 'ImgPilRandomResizedCrop']

/**
 * The shapes that the transforms and the collator of a split give the model, as far as they can be told without
 * looking at an image: one tensor, or one for each crop.
 *
 * @param images of the batch
 * @returns undefined where images keep a size of their own, or the collator makes something else
 */
export function inputShapes(split: Split, images: number): InputShapes | undefined {
  const keys = split.INPUT_KEY_NAMES
  if (keys.length !== 1 || keys[0] !== 'data') return undefined
  const crops = split.TRANSFORMS.find(({ name }) => name === 'ImgPilToMultiCrop')
  if (crops !== undefined) {
    if (split.COLLATE_FUNCTION !== 'multicrop_collator') return undefined
    const { num_crops: counts, size_crops: sizes } = crops as { num_crops?: unknown; size_crops?: unknown }
    if (!isNumbers(counts) || !isNumbers(sizes) || counts.length !== sizes.length) return undefined
    return counts.flatMap((count, i) =>
      Array.from({ length: count }, () => [images, 3, sizes[i]!, sizes[i]!]),
    )
  }
  const side = split.TRANSFORMS.findLast(({ name }) => croppers.includes(String(name)))?.size
  const [height, width] = Array.isArray(side) ? side : [side, side]
  if (typeof height !== 'number' || typeof width !== 'number') return undefined
  const views = split.TRANSFORMS.find(({ name }) => name === 'ImgReplicatePil')?.num_times ?? 1
  if (split.COLLATE_FUNCTION === 'simclr_collator' && typeof views === 'number')
    return [images * views, 3, height, width]
  const isPlain =
    (split.COLLATE_FUNCTION === 'default_collate' && views === 1) ||
    split.COLLATE_FUNCTION === 'moco_collator'
  return isPlain ? [images, 3, height, width] : undefined
}

const isNumbers = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every((item) => typeof item === 'number')
