import type { DataSplit, SplitName } from '../dataset.ts'
import { readParquet } from './parquet.ts'

/** A source of images as the data engine takes it: `type` and its options. */
export type SourceSpec = Record<string, unknown> & { type: string }

export interface KindContext {
  split: DataSplit
  splitName: SplitName
  channels: 1 | 3
  /** Its entry of `DATASET_NAMES`. */
  name: string
  /** Whether its own labels are read. */
  labelled: boolean
}

/** A value of `DATA_SOURCES`. */
export interface SourceKind {
  /** What the source is made of: a path that has to exist, a pattern of paths, or nothing. */
  path: 'file' | 'pattern' | 'none'
  /** Whether it may stand in `LABEL_SOURCES`. */
  labels: boolean
  /** One line for `vissl data`. */
  summary: string
  spec(path: string, context: KindContext): SourceSpec
}

/** Samples of the sets that are made, not read, when `DATA_LIMIT` says nothing. */
const syntheticCount = 50_000
const shapesCount: Record<SplitName, number> = { TRAIN: 20_000, TEST: 5_000 }

const limit = (split: DataSplit): number => Math.max(0, split.DATA_LIMIT ?? 0)

/** `train` or `test`, as the sets call their parts that have parts of their own. */
const part = (name: SplitName): string => (name === 'TRAIN' ? 'train' : 'test')

/** All values of `DATA_SOURCES`. */
export const kinds: Readonly<Record<string, SourceKind>> = {
  disk_folder: {
    path: 'file',
    labels: true,
    summary: 'a folder of images, its sub-folders are the classes',
    spec: (path, { labelled }) => ({ type: 'disk_folder', path, labels: labelled }),
  },
  disk_filelist: {
    path: 'file',
    labels: true,
    summary: 'a .npy, .pkl or .json list of image paths',
    spec: (path, { split }) => ({
      type: 'disk_filelist',
      path,
      mmap: split.MMAP_MODE ?? true,
      remove_prefix: split.REMOVE_IMG_PATH_PREFIX ?? '',
      new_prefix: split.NEW_IMG_PATH_PREFIX ?? '',
    }),
  },
  csv: {
    path: 'file',
    labels: true,
    summary: 'a CSV file with the columns path and label',
    spec: (path) => ({ type: 'csv', path }),
  },
  parquet: {
    path: 'file',
    labels: true,
    summary: 'a Parquet file with the columns path and label',
    spec: (path) => ({ type: 'rows', path, ...readParquet(path) }),
  },
  tar: {
    path: 'pattern',
    labels: true,
    summary: 'tar shards as WebDataset names them: a file, a folder, or images-{000..123}.tar',
    spec: (path) => ({ type: 'tar', path }),
  },
  idx: {
    path: 'file',
    labels: true,
    summary: 'the IDX arrays of MNIST and its relatives',
    spec: (path, { splitName }) => ({ type: 'idx', path, split: part(splitName) }),
  },
  torchvision_dataset: {
    path: 'file',
    labels: true,
    summary: 'CIFAR10, CIFAR100, MNIST, STL10 or SVHN, as DATASET_NAMES says, in the files of torchvision',
    spec: (path, { splitName, name }) => ({ type: 'torchvision', path, name, split: part(splitName) }),
  },
  synthetic: {
    path: 'none',
    labels: true,
    summary: 'gray images, or noise with RANDOM_SYNTHETIC_IMAGES; every label is 0',
    spec: (_, { split }) => ({
      type: 'synthetic',
      size: split.DEFAULT_GRAY_IMG_SIZE ?? 224,
      count: split.DATA_LIMIT_SAMPLING
        ? Math.max(syntheticCount, limit(split))
        : limit(split) || syntheticCount,
      ...(split.RANDOM_SYNTHETIC_IMAGES && { random: true }),
    }),
  },
  shapes: {
    path: 'none',
    labels: true,
    summary: 'drawn shapes of ten classes, for machines without a network',
    spec: (_, { split, splitName, channels }) => ({
      type: 'shapes',
      count: limit(split) || shapesCount[splitName],
      split: part(splitName),
      gray: channels === 1,
    }),
  },
}
