import type { Config } from '../config/index.ts'
import { ExitCode, VisslError } from '../errors.ts'

/** What a folder's images ask for. */
export interface FolderSizes {
  /** Side of a crop; of the large ones where there are several sizes. */
  readonly size: number
  readonly samples: number
  /** Classes that are known from sub-folders. */
  readonly classes: number
}

/** Patches of a vision transformer along a side. */
const GRID = 8
/** Images for each prototype or cluster, about. */
const IMAGES_A_CLUSTER = 10

/**
 * Fits what a method has beside the batch to the images: crops, queues, prototypes, clusters, classes, patches. Changes
 * `config`, but for keys that are given on the command line.
 *
 * @param isGiven whether the command line gives the key (below `config.`)
 * @returns what was chosen, for people
 * @throws VisslError when a method needs classes and there are no sub-folders
 */
export function fitMethod(
  config: Config,
  { size, samples, classes }: FolderSizes,
  isGiven: (key: string) => boolean,
): string[] {
  const said = [`crops ${fitCrops(config, size, isGiven)}`]
  const block = (config.LOSS as Record<string, unknown>)[config.LOSS.name] as
    | Record<string, unknown>
    | undefined
  const lossKey = (key: string) => `LOSS.${config.LOSS.name}.${key}`
  const batch = config.DATA.TRAIN.BATCHSIZE_PER_REPLICA
  if (typeof block?.queue_size === 'number' && !isGiven(lossKey('queue_size'))) {
    const wanted = Math.min(block.queue_size, samples / 2)
    block.queue_size = Math.max(1, Math.floor(wanted / batch)) * batch
    said.push(`queue ${block.queue_size}`)
  }
  const most = Math.max(2, Math.floor(samples / IMAGES_A_CLUSTER))
  const clusters: unknown = block?.num_clusters
  if (block !== undefined && Array.isArray(clusters) && !isGiven(lossKey('num_clusters'))) {
    const fitted = clusters.map((count: number) => Math.min(count, most))
    block.num_clusters = fitted
    said.push(`clusters ${fitted.join(', ')}`)
  }
  if (!isGiven('MODEL.HEAD.PARAMS')) said.push(...fitHeads(config, { size, most, classes }))
  if (config.MODEL.TRUNK.NAME === 'vision_transformer') {
    const key = 'MODEL.TRUNK.TRUNK_PARAMS.VISION_TRANSFORMERS'
    const params = config.MODEL.TRUNK.TRUNK_PARAMS.VISION_TRANSFORMERS as Record<string, unknown>
    if (!isGiven(`${key}.IMAGE_SIZE`)) params.IMAGE_SIZE = size
    if (!isGiven(`${key}.PATCH_SIZE`)) params.PATCH_SIZE = size / GRID
  }
  return said
}

/** Sets the sizes of crops, and what depends on them. @returns them, for people */
function fitCrops({ DATA }: Config, size: number, isGiven: (key: string) => boolean): string {
  const small = Math.max(12, Math.floor(size / 8) * 4)
  const wanted: Readonly<Record<string, readonly [key: string, value: (params: Sizes) => unknown]>> = {
    RandomResizedCrop: ['size', () => size],
    ImgPilToMultiCrop: ['size_crops', ({ size_crops }) => size_crops.map((_, i) => (i === 0 ? size : small))],
    ImgPilToPatchesAndImage: ['crop_size_image', () => size],
    // A quarter of a cell of 3 × 3.
    ImgPatchesFromTensor: ['patch_jitter', () => Math.floor(size / 12)],
  }
  const chosen: string[] = []
  for (const [at, transform] of DATA.TRAIN.TRANSFORMS.entries()) {
    const fit = wanted[transform.name]
    if (fit === undefined) continue
    const [key, value] = fit
    if (!isGiven(`DATA.TRAIN.TRANSFORMS.${at}.${key}`)) transform[key] = value(transform as unknown as Sizes)
    if (key !== 'patch_jitter') chosen.push([transform[key]].flat().join(' and '))
  }
  return chosen.join(', ')
}

interface Sizes {
  readonly size_crops: readonly number[]
}

interface Head {
  dims?: number[]
  num_clusters?: number[]
  patch_size?: number
}

/** Prototypes, classes and patches of the heads. @returns what was chosen */
function fitHeads(config: Config, sizes: { size: number; most: number; classes: number }): string[] {
  const said: string[] = []
  const heads = config.MODEL.HEAD.PARAMS as unknown as [string, Head][]
  for (const [name, params] of heads) {
    if (name === 'swav_head' && params.num_clusters !== undefined) {
      params.num_clusters = params.num_clusters.map((count) => Math.min(count, sizes.most))
      const { dino_loss } = config.LOSS as { dino_loss?: { output_dim: number } }
      if (config.LOSS.name === 'dino_loss' && dino_loss !== undefined)
        dino_loss.output_dim = params.num_clusters[0]!
      said.push(`prototypes ${params.num_clusters.join(', ')}`)
    }
    if (name === 'mae_decoder') params.patch_size = sizes.size / GRID
  }
  const orders = config.DATA.TRAIN.TRANSFORMS.at(-1)?.num_permutations
  if (typeof orders === 'number') {
    setOutputs(heads, orders)
    said.push(`permutations ${orders}`)
  }
  if (config.DATA.TRAIN.LABEL_SOURCES.length > 0) {
    if (sizes.classes < 2) {
      throw new VisslError(
        ExitCode.data,
        'this method learns from labels, and the images are not in two or more sub-folders',
        'put each class into a sub-folder, or choose a method without labels: --method simclr',
      )
    }
    setOutputs(heads, sizes.classes)
    said.push(`classes ${sizes.classes}`)
  }
  return said
}

function setOutputs(heads: readonly [string, Head][], count: number): void {
  const dims = heads.at(-1)?.[1].dims
  if (dims !== undefined) dims[dims.length - 1] = count
}
