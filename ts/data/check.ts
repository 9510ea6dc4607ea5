import { availableParallelism } from 'node:os'
import type { DataSplit, SplitName } from './dataset.ts'
import { addon, dataError, type SkippedFile } from './native.ts'
import { guessSource } from './sources/guess.ts'
import type { SourceSpec } from './sources/kinds.ts'
import { resolveData } from './sources/resolve.ts'

/** What {@link checkData} found. */
export interface CheckReport {
  /** Images listed, and those of them that decode. */
  images: number
  good: number
  broken: SkippedFile[]
  /** Files that are no images. */
  skipped: SkippedFile[]
  classes: string[]
  /** Images by label; empty without labels. */
  perClass: ReadonlyMap<number, number>
  /** Gray ones among the good. */
  gray: number
  /** [width, height] by area; null when no image decodes. */
  smallest: readonly [number, number] | null
  largest: readonly [number, number] | null
  meanWidth: number
  meanHeight: number
  /** Bytes of all files. */
  bytes: number
  /** Groups of files with the same content. */
  duplicates: string[][]
}

/** How a path is read; what is left out is guessed from its name. */
export interface CheckOptions {
  /** A value of `DATA_SOURCES`. */
  source?: string
  /** The part of sources that have parts. Default `TRAIN`. */
  splitName?: SplitName
  /** Threads that decode; as many as there are cores by default. */
  threads?: number
}

function sourceAt(
  path: string,
  { source = guessSource(path), splitName = 'TRAIN' }: CheckOptions,
): SourceSpec {
  const split: DataSplit = {
    DATA_SOURCES: [source],
    DATA_PATHS: [path],
    LABEL_SOURCES: source === 'disk_filelist' ? [] : [source],
    TRANSFORMS: [],
    COLLATE_FUNCTION: 'default_collate',
    BATCHSIZE_PER_REPLICA: 1,
  }
  return resolveData({ split, splitName, channels: 3 }).sources[0]!
}

/**
 * Decodes every image of a folder, a list of paths, a CSV table, tar shards or IDX arrays.
 *
 * @throws VisslError (data) when the path is missing or holds no image at all
 */
export async function checkData(path: string, options: CheckOptions = {}): Promise<CheckReport> {
  const spec = JSON.stringify(sourceAt(path, options))
  let text: string
  try {
    text = await addon().checkSource(spec, options.threads ?? availableParallelism())
  } catch (error) {
    throw dataError(error)
  }
  const found = JSON.parse(text) as Omit<CheckReport, 'perClass' | 'meanWidth' | 'meanHeight'> & {
    per_class: Record<string, number>
    mean_width: number
    mean_height: number
  }
  const { per_class, mean_width: meanWidth, mean_height: meanHeight, ...rest } = found
  const perClass = new Map(Object.entries(per_class).map(([label, count]) => [Number(label), count]))
  return { ...rest, perClass, meanWidth, meanHeight }
}
