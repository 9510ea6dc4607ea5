import { readdirSync, statSync } from 'node:fs'
import { extname } from 'node:path'
import { ExitCode, VisslError } from '../../errors.ts'

/**
 * The kind of source that a path most likely is, by names alone: lists and tables by their ending, tar shards and IDX
 * arrays by what a folder holds, any other folder as one of images.
 *
 * @returns a value of `DATA_SOURCES`
 * @throws VisslError when there is nothing at the path or nothing that is known
 */
export function guessSource(path: string): string {
  if (/\{.*\}/.test(path)) return 'tar'
  const found = statSync(path, { throwIfNoEntry: false })
  if (found === undefined) {
    throw new VisslError(
      ExitCode.data,
      `${path} does not exist`,
      'give the path of a folder or a list of images',
    )
  }
  if (found.isDirectory()) {
    const names = readdirSync(path)
    if (names.some((name) => name.endsWith('.tar'))) return 'tar'
    if (names.some((name) => /idx3-ubyte(\.gz)?$/.test(name))) return 'idx'
    return 'disk_folder'
  }
  const byEnding: Record<string, string> = {
    '.npy': 'disk_filelist',
    '.pkl': 'disk_filelist',
    '.pickle': 'disk_filelist',
    '.json': 'disk_filelist',
    '.csv': 'csv',
    '.parquet': 'parquet',
    '.tar': 'tar',
  }
  const kind = /idx3-ubyte(\.gz)?$/.test(path) ? 'idx' : byEnding[extname(path).toLowerCase()]
  if (kind !== undefined) return kind
  throw new VisslError(
    ExitCode.data,
    `${path} is no source of images that is known`,
    'give a folder, a .npy, .pkl, .json, .csv or .parquet list, or tar files',
  )
}
