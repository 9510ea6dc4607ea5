import { readdirSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { CatalogRecord, SplitPaths } from '../catalog.ts'
import { cocoAnnotations, isCoco, readCoco } from './coco.ts'
import { writeIntegers, writeTexts, writeWhole } from './npy.ts'
import { isVoc, type MultiLabel, readVoc } from './voc.ts'

export { cocoAnnotations, isCocoPart, readCoco } from './coco.ts'
export { readClassFolders, type SingleLabel } from './folders.ts'
export { writeIntegers, writeTexts, writeWhole } from './npy.ts'
export {
  distantPermutations,
  factorial,
  type PermutationOptions,
  type PermutationSet,
} from './permutations.ts'
export { type MultiLabel, readVoc } from './voc.ts'

/** The files that a multi-label set is read from. */
export interface ListFiles {
  images: string
  labels: string
  classes: string
}

/** `FOLDER/NAME_SPLIT_images.npy` and its relatives. */
export function listFiles(folder: string, name: string, split: string): ListFiles {
  const file = (part: string) => join(folder, `${name}_${split}_${part}`)
  return { images: file('images.npy'), labels: file('labels.npy'), classes: file('classes.json') }
}

/** Writes a multi-label set as `.npy` lists; every file is whole or not there, the images last. */
export function writeLists(files: ListFiles, { images, labels, classes }: MultiLabel): void {
  writeWhole(files.classes, `${JSON.stringify(classes)}\n`)
  writeIntegers(files.labels, [images.length, classes.length], labels)
  writeTexts(files.images, images)
}

/**
 * The entry of a data set whose paths are the root of Pascal VOC or COCO 2014, with the lists that are made of it in
 * `datasets/` of the working folder; any other entry as it is. Lists are made again when what they are made of is
 * younger. VISSL names the lists by split alone, so that a second data set overwrites those of the first; these also
 * have the data set's name.
 *
 * @throws VisslError when the root is damaged
 */
export function builtEntry(record: CatalogRecord, cwd: string = process.cwd()): CatalogRecord {
  const splits = Object.entries(record.entry).map(([split, paths]): [string, SplitPaths] => {
    const root = paths[0]
    if (typeof root !== 'string' || (!isVoc(root) && !isCoco(root))) return [split, paths]
    const files = listFiles(resolve(cwd, 'datasets'), record.name, split)
    const origin = isVoc(root) ? join(root, 'ImageSets', 'Main') : cocoAnnotations(root, split)
    if (age(files.images) < youngest(origin)) {
      writeLists(files, isVoc(root) ? readVoc(root, split) : readCoco(origin, join(root, `${split}2014`)))
    }
    return [split, [files.images, files.labels]]
  })
  return { ...record, entry: Object.fromEntries(splits) }
}

const age = (path: string): number => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0

const youngest = (path: string): number =>
  statSync(path, { throwIfNoEntry: false })?.isDirectory()
    ? Math.max(age(path), ...readdirSync(path).map((name) => age(join(path, name))))
    : age(path)
