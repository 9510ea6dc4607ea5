import { didYouMean, ExitCode, VisslError } from '../errors.ts'
import { scriptCollators } from './scripts/collator.ts'
import { kinds } from './sources/kinds.ts'

/** A `DATA.TRAIN` or `DATA.TEST` block, as far as the loader reads it. */
export interface DataSplit {
  DATA_SOURCES: readonly string[]
  DATASET_NAMES?: readonly string[]
  DATA_PATHS: readonly string[]
  LABEL_SOURCES?: readonly string[]
  /** A path, or several files whose entries together are one label. */
  LABEL_PATHS?: readonly (string | readonly string[])[]
  LABEL_TYPE?: string
  TRANSFORMS: readonly Readonly<Record<string, unknown>>[]
  COLLATE_FUNCTION: string
  COLLATE_FUNCTION_PARAMS?: Readonly<Record<string, unknown>>
  /** vissl's own: a sampler written in TypeScript. */
  SAMPLER?: string | undefined
  SAMPLER_PARAMS?: Readonly<Record<string, unknown>> | undefined
  BATCHSIZE_PER_REPLICA: number
  DROP_LAST?: boolean
  MMAP_MODE?: boolean
  REMOVE_IMG_PATH_PREFIX?: string
  NEW_IMG_PATH_PREFIX?: string
  RANDOM_SYNTHETIC_IMAGES?: boolean
  DATA_LIMIT?: number
  DATA_LIMIT_SAMPLING?: { SEED?: number; IS_BALANCED?: boolean; SKIP_NUM_SAMPLES?: number } | undefined
  COPY_TO_LOCAL_DISK?: boolean
  COPY_DESTINATION_DIR?: string
  DEFAULT_GRAY_IMG_SIZE?: number
  USE_STATEFUL_DISTRIBUTED_SAMPLER?: boolean
  USE_DEBUGGING_SAMPLER?: boolean
  ENABLE_QUEUE_DATASET?: boolean
  /** vissl's own: the keyed order, which needs no memory. */
  USE_KEYED_SAMPLER?: boolean
  /** vissl's own: MiB of decoded images that are kept in memory. */
  DECODED_CACHE_MIB?: number
  /** vissl's own: MiB that decoded images may take on disk, and the folder. */
  DECODED_CACHE_DISK_MIB?: number
  DECODED_CACHE_DIR?: string
  /** vissl's own: whether photos are turned upright by their EXIF orientation; default true. */
  EXIF_ORIENTATION?: boolean
  /** vissl's own: MiB of batches that may lie ready. */
  PREFETCH_MIB?: number
}

/** Which part of a data set a block stands for; idx folders and drawn shapes differ by it. */
export type SplitName = 'TRAIN' | 'TEST'

/** Data sources by `DATA_SOURCES` entry. */
export const dataSources: readonly string[] = Object.keys(kinds)

/** Collators by `COLLATE_FUNCTION`. */
export const collators: readonly string[] = [
  'cutmixup_collator',
  'default_collate',
  'moco_collator',
  'multicrop_collator',
  'multicrop_mixup_collator',
  'patch_and_image_collator',
  'siamese_collator',
  'simclr_collator',
  'targets_one_hot_default_collator',
]

/** The native collator's name, checked; one written in TypeScript works on what `default_collate` makes. */
export function collatorOf(block: DataSplit, splitName: SplitName): string {
  const known: Record<string, string> = Object.fromEntries(collators.map((name) => [name, name]))
  for (const name of scriptCollators.names()) known[name] = 'default_collate'
  return choose(known, block.COLLATE_FUNCTION, `DATA.${splitName}.COLLATE_FUNCTION`, 'collator')
}

/** Class labels when there is a label source, else what `LABEL_TYPE` says. */
export function labelType(block: DataSplit, splitName: SplitName): string {
  if ((block.LABEL_SOURCES ?? []).length > 0) return 'standard'
  const known = { standard: 'standard', sample_index: 'sample_index', zero: 'zero' }
  return choose(known, block.LABEL_TYPE ?? 'sample_index', `DATA.${splitName}.LABEL_TYPE`, 'label type')
}

function choose<T>(known: Record<string, T>, name: string, key: string, kind: string): T {
  if (Object.hasOwn(known, name)) return known[name]!
  const names = Object.keys(known)
  const near = didYouMean(name, names)
  throw new VisslError(
    ExitCode.usage,
    `${key}: there is no ${kind} named "${name}"${near.length > 0 ? `; did you mean ${near.join(' or ')}?` : ''}`,
    `known: ${names.join(', ')}`,
  )
}
