import { existsSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { ExitCode, VisslError } from '../../errors.ts'
import type { MultiLabel } from './voc.ts'

/** The annotation file of a split of COCO 2014. */
export const cocoAnnotations = (root: string, split: string): string =>
  join(root, 'annotations', `instances_${split}2014.json`)

/** Whether a folder has the annotations of a part. */
export const isCocoPart = (root: string, split: string): boolean => existsSync(cocoAnnotations(root, split))

/** Whether a folder is the root of COCO 2014. */
export const isCoco = (root: string): boolean => isCocoPart(root, 'train')

/**
 * The image-level labels of COCO (Lin et al. 2014): a class is present where one of its boxes, cut to the image, has
 * an area; regions that are to be ignored do not count. Images without any object are left out.
 *
 * @param file an `instances_….json`
 * @param images folder of the images
 * @throws VisslError when the file is missing, no JSON or of another form
 */
export function readCoco(file: string, images: string): MultiLabel {
  const { sizes, categories, annotations } = parse(file)
  const classes = new Map(categories.map(({ id }, index) => [id, index]))
  const rows = new Map<string, Int32Array>()
  const skipped: string[] = []
  for (const [at, object] of annotations.entries()) {
    const image = sizes.get(object.image_id)
    const label = classes.get(object.category_id)
    if (image === undefined || label === undefined || !isBox(object.bbox)) {
      skipped.push(`${file}, annotation ${at}: its image, category or box is not known`)
      continue
    }
    if (!isVisible(object, image)) continue
    const row = rows.get(image.name) ?? new Int32Array(classes.size)
    row[label] = 1
    rows.set(image.name, row)
  }
  const names = [...rows.keys()].sort()
  const labels = new Int32Array(names.length * classes.size)
  names.forEach((name, row) => {
    labels.set(rows.get(name)!, row * classes.size)
  })
  return {
    images: names.map((name) => join(images, name)),
    classes: categories.map(({ name }) => name),
    labels,
    skipped,
  }
}

interface Annotation {
  image_id: number
  category_id: number
  bbox: [x: number, y: number, width: number, height: number]
  area: number
  ignore?: number
}

interface Size {
  name: string
  width: number
  height: number
}

interface Contents {
  sizes: Map<number, Size>
  categories: { id: number; name: string }[]
  annotations: Annotation[]
}

const isBox = (box: unknown): boolean => Array.isArray(box) && box.length === 4 && box.every(Number.isFinite)

function isVisible({ bbox: [x, y, width, height], area, ignore }: Annotation, image: Size): boolean {
  const cut = (value: number, end: number) => Math.min(Math.max(0, value), end - 1)
  const [left, right] = [cut(x, image.width), cut(x + Math.max(0, width - 1), image.width)]
  const [top, bottom] = [cut(y, image.height), cut(y + Math.max(0, height - 1), image.height)]
  return ignore !== 1 && area > 0 && right > left && bottom > top
}

function parse(file: string): Contents {
  const failed = (what: string) =>
    new VisslError(
      ExitCode.data,
      `${file}: ${what}`,
      'unpack the annotations of COCO 2014 into ROOT/annotations',
    )
  let json: { images?: unknown; categories?: unknown; annotations?: unknown } | null
  try {
    json = JSON.parse(readFileSync(file, 'utf8')) as typeof json
  } catch (error) {
    throw failed((error as Error).message)
  }
  const { images, categories, annotations } = json ?? {}
  if (!isList(images) || !isList(categories) || !isList(annotations)) {
    throw failed('it lacks images, categories or annotations')
  }
  const sizes = new Map<number, Size>()
  for (const image of images as { id: number; file_name: string; width: number; height: number }[]) {
    if (typeof image.file_name !== 'string' || basename(image.file_name) !== image.file_name)
      throw failed(`an image has the name ${JSON.stringify(image.file_name)}`)
    sizes.set(image.id, { name: image.file_name, width: image.width, height: image.height })
  }
  return { sizes, categories, annotations } as Contents
}

const isList = (value: unknown): value is object[] =>
  Array.isArray(value) && value.every((one) => typeof one === 'object' && one !== null)
