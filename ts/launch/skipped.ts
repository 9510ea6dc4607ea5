import type { Loader, SkippedFile } from '../data/index.ts'
import { type RunFolder, writeFileWhole } from '../logging/index.ts'

/** Where a run lists the files that it could not use. */
export const SKIPPED_FILE = 'skipped.txt'

/** `1 file`, `2 files`. */
export const counted = (count: number, noun: string): string =>
  `${count.toLocaleString('en')} ${noun}${count === 1 ? '' : 's'}`

/** Files that a loader left out when its data were listed, and images that it could not decode so far. */
export function unusedFiles(loader: Loader): SkippedFile[] {
  const broken = loader.failures.map(({ name, reason }) => ({ path: name, reason }))
  return [...loader.info.skipped, ...broken]
}

/** What became of the folder of decoded images, where that has to be said: damage that was mended, a disk that is full. */
export function cacheNotes({ stats }: Loader): string[] {
  const { cacheDamaged, cacheTrouble } = stats
  return [
    ...(cacheDamaged > 0
      ? [`${counted(cacheDamaged, 'decoded image')} on disk were damaged and made again`]
      : []),
    ...(cacheTrouble ? [`no more decoded images are kept on disk: ${cacheTrouble}`] : []),
  ]
}

/**
 * Writes `skipped.txt` anew, one `path<TAB>reason` a line; nothing when there is nothing to list.
 *
 * @returns the file's path; undefined when none was written
 * @throws VisslError (environment) when it cannot be written
 */
export function writeSkipped(folder: RunFolder, files: readonly SkippedFile[]): string | undefined {
  if (files.length === 0) return undefined
  const oneLine = (text: string): string => text.replaceAll(/[\t\r\n]+/g, ' ')
  const lines = files.map(({ path, reason }) => `${oneLine(path)}\t${oneLine(reason)}\n`)
  const path = folder.file(SKIPPED_FILE)
  writeFileWhole(path, lines.join(''))
  return path
}
