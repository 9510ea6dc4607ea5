import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { ExitCode, VisslError } from '../../errors.ts'

/** Images and the classes that each shows. */
export interface MultiLabel {
  /** Sorted by name. */
  images: string[]
  classes: string[]
  /** Images × classes: 1 present, 0 absent, −1 not to be counted. */
  labels: Int32Array
  /** What could not be read: lines, boxes. */
  skipped: string[]
}

const listFolder = (root: string): string => join(root, 'ImageSets', 'Main')

/** Whether a folder is the root of a Pascal VOC data set. */
export const isVoc = (root: string): boolean =>
  existsSync(listFolder(root)) && existsSync(join(root, 'JPEGImages'))

/** What VOC calls the parts to train on and to test on. */
const parts = (hasTest: boolean): [string, string] => (hasTest ? ['trainval', 'test'] : ['train', 'val'])

/**
 * The image-level labels of Pascal VOC (Everingham et al. 2010). `train` is VOC's trainval and `val` its test where
 * there is a test part, as of 2007, else `train` and `val`; `separate` takes the part of just that name. A difficult
 * object is not to be counted, an image that a class's list leaves out neither.
 *
 * @param split `train`, `val`; with `separate` also `test`, `trainval`
 * @throws VisslError when the folder is no VOC root or its lists disagree
 */
export function readVoc(root: string, split: string, separate = false): MultiLabel {
  if (!isVoc(root)) {
    throw new VisslError(
      ExitCode.data,
      `${root} is no VOC folder: it lacks ImageSets/Main or JPEGImages`,
      'give the folder VOC2007 or VOC2012 that VOCdevkit holds',
    )
  }
  const folder = listFolder(root)
  // aeroplane_train.txt: one part of one class; train.txt and the layouts of persons are others.
  const lists = readdirSync(folder)
    .filter((name) => /^[^_]+_[^_]+\.txt$/.test(name))
    .sort()
  const of = (part: string) => lists.filter((name) => name.endsWith(`_${part}.txt`))
  const both = parts(of('test').length > 0)
  const wanted = separate ? [split] : both
  const chosen = of(separate ? split : both[split === 'train' ? 0 : 1])
  const counts = wanted.map((part) => of(part).length)
  if (chosen.length === 0 || counts.some((count) => count !== chosen.length)) {
    throw new VisslError(
      ExitCode.data,
      `${folder} has lists of ${counts.join(' and ')} classes for ${wanted.join(' and ')}`,
      'unpack the data set again',
    )
  }
  const rows = new Map<string, Int32Array>()
  const skipped: string[] = []
  chosen.forEach((name, id) => {
    readFileSync(join(folder, name), 'utf8')
      .split('\n')
      .forEach((line, at) => {
        if (line.trim() === '') return
        const [image = '', value, ...rest] = line.trim().split(/\s+/)
        const label = { '-1': 0, '0': -1, '1': 1 }[value ?? '']
        if (label === undefined || rest.length > 0 || basename(image) !== image) {
          skipped.push(`${join(folder, name)}, line ${at + 1}: ${line.trim()}`)
          return
        }
        const row = rows.get(image) ?? new Int32Array(chosen.length).fill(-1)
        row[id] = label
        rows.set(image, row)
      })
  })
  const names = [...rows.keys()].sort()
  const labels = new Int32Array(names.length * chosen.length)
  names.forEach((name, row) => {
    labels.set(rows.get(name)!, row * chosen.length)
  })
  return {
    images: names.map((name) => join(root, 'JPEGImages', `${name}.jpg`)),
    classes: chosen.map((name) => name.slice(0, name.indexOf('_'))),
    labels,
    skipped,
  }
}
