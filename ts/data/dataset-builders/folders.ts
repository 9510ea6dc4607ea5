import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { ExitCode, VisslError } from '../../errors.ts'

/** Images with one class each. */
export interface SingleLabel {
  images: string[]
  classes: string[]
  /** One an image. */
  labels: Int32Array
}

const image = /\.(jpe?g|png|ppm|bmp|pgm|tiff?|webp|gif)$/i

/**
 * The images of a folder of class folders, as ImageNet has one for each partition, sorted by class and name.
 *
 * @param classes the classes in the order of their labels; the sub-folders, sorted, when not given
 * @throws VisslError when the folder is missing or has a class that is not among `classes`
 */
export function readClassFolders(root: string, classes: readonly string[] = subfolders(root)): SingleLabel {
  const found = subfolders(root)
  const strange = found.find((name) => !classes.includes(name))
  if (strange !== undefined) {
    throw new VisslError(
      ExitCode.data,
      `${join(root, strange)}: this class is not among the ${classes.length} classes of the training images`,
      'give partitions of one data set',
    )
  }
  const images: string[] = []
  const labels: number[] = []
  for (const name of found) {
    const id = classes.indexOf(name)
    for (const file of readdirSync(join(root, name)).sort()) {
      if (!image.test(file)) continue
      images.push(join(root, name, file))
      labels.push(id)
    }
  }
  if (images.length === 0)
    throw new VisslError(
      ExitCode.data,
      `${root} holds no images in class folders`,
      'give the folder above them',
    )
  return { images, classes: [...classes], labels: Int32Array.from(labels) }
}

function subfolders(root: string): string[] {
  if (!existsSync(root) || !statSync(root).isDirectory())
    throw new VisslError(ExitCode.data, `${root} is no folder`, 'give the folder of the class folders')
  const names = readdirSync(root).filter((name) =>
    statSync(join(root, name), { throwIfNoEntry: false })?.isDirectory(),
  )
  return names.sort()
}
