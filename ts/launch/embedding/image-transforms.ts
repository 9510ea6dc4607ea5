import type { Config } from '../../config/index.ts'

/** An entry of `TRANSFORMS`. */
export type Transform = Readonly<Record<string, unknown>> & { readonly name: string }

/** How images are made ready for a model, and the size they have then. */
export interface ImageTransforms {
  readonly list: readonly Transform[]
  readonly height: number
  readonly width: number
}

/** Steps that draw nothing and make one image of one image. */
const plain = new Set([
  'CenterCrop',
  'Grayscale',
  'ImgPilResizeLargerSide',
  'ImgPilToRawTensor',
  'ImgPilToTensor',
  'ImgToTensor',
  'Normalize',
  'Pad',
  'Resize',
  'ToTensor',
])
/** Those of them that leave the size of an image as it is. */
const keepsSize = new Set([
  'Grayscale',
  'ImgPilToRawTensor',
  'ImgPilToTensor',
  'ImgToTensor',
  'Normalize',
  'ToTensor',
])
/** Where no step of a configuration tells a size. */
const COMMON_SIZE = 224
/** Below this, images are data sets of small pictures, which are used whole. */
const SMALL = 64

/**
 * The transforms with which images are embedded: those of `DATA.TEST` where that is in use and they give all images
 * one size; else the shorter side is resized to 8/7 of the training's crop and the middle is cut out (small crops, up
 * to 64: the shorter side is resized to the crop), followed by what `DATA.TEST`, or else `DATA.TRAIN`, does to values.
 *
 * @param given used as it is
 */
export function imageTransforms(
  { TEST, TRAIN }: Config['DATA'],
  given?: readonly Transform[],
): ImageTransforms {
  if (given !== undefined) return sized(given)
  const test = TEST.TRANSFORMS as readonly Transform[]
  const isUsed = TEST.DATA_SOURCES.length > 0 && test.length > 0 && test.every(({ name }) => plain.has(name))
  if (isUsed && sizeOf(test) !== undefined) return sized(test)
  const train = TRAIN.TRANSFORMS as readonly Transform[]
  const [height, width] = cropOf(train) ?? [COMMON_SIZE, COMMON_SIZE]
  const short = Math.min(height, width)
  const values = (isUsed ? test : train).filter(({ name }) => keepsSize.has(name))
  const list = [
    {
      name: 'Resize',
      size: short < SMALL ? Math.max(height, width) : Math.round((Math.max(height, width) * 8) / 7),
    },
    { name: 'CenterCrop', size: height === width ? height : [height, width] },
    ...values,
    ...(values.some(({ name }) => name.endsWith('Tensor')) ? [] : [{ name: 'ToTensor' }]),
  ]
  return { list, height, width }
}

function sized(list: readonly Transform[]): ImageTransforms {
  const [height, width] = sizeOf(list) ?? [COMMON_SIZE, COMMON_SIZE]
  return { list, height, width }
}

/** The size that a list gives every image; undefined where it depends on the image. */
function sizeOf(list: readonly Transform[]): [number, number] | undefined {
  let size: [number, number] | undefined
  for (const { name, size: given } of list) {
    if (keepsSize.has(name)) continue
    size =
      name === 'CenterCrop'
        ? pair(given)
        : name === 'Resize' && Array.isArray(given)
          ? pair(given)
          : undefined
  }
  return size
}

/** The size of the images, or of the largest crops, that training makes. */
function cropOf(list: readonly Transform[]): [number, number] | undefined {
  const crops = list.flatMap((transform) => {
    const { name, size, size_crops: sizes } = transform
    if (name === 'ImgPilToMultiCrop' && Array.isArray(sizes)) return [pair(Math.max(...sizes.map(Number)))]
    return /Crop$/.test(name) ? [pair(size)] : []
  })
  return crops.at(-1) ?? list.flatMap(({ name, size }) => (name === 'Resize' ? [pair(size)] : [])).at(-1)
}

function pair(size: unknown): [number, number] | undefined {
  const [height, width = height] = [size].flat().map(Number)
  const isSize = (side: number | undefined): side is number => Number.isInteger(side) && side! > 0
  return isSize(height) && isSize(width) ? [height, width] : undefined
}
