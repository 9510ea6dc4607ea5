import { ExitCode, VisslError } from '../errors.ts'
import type { Arguments, OptionSpec } from './arguments.ts'
import type { Command } from './command.ts'

const parts = ['train', 'val'] as const

const options: readonly OptionSpec[] = [
  ...parts.flatMap((part): OptionSpec[] => [
    { name: part, takes: 'one', value: 'PATH', description: `folder or list of the ${part} images` },
    {
      name: `${part}-labels`,
      takes: 'many',
      value: 'PATH',
      description: `list of their labels; several lists make one label of several entries`,
    },
  ]),
  { name: 'file', takes: 'one', value: 'FILE', description: 'the catalog to write to' },
  { name: 'force', takes: 'flag', description: 'replace a part that is there already' },
]

export const dataRegister: Command = {
  usage: 'NAME --train PATH [--val PATH]',
  description:
    'Writes down where a data set lies, so that DATASET_NAMES can name it. The catalog is the file of\n' +
    'VISSL_DATASET_CATALOG_PATH, else configs/config/dataset_catalog.json of the working folder. Other data sets in it,\n' +
    'and other parts of this one, stay as they are.',
  options,
  examples: [
    ['vissl data register imagenet1k_folder --train /data/train --val /data/val', 'folders of class folders'],
    [
      'vissl data register mine --train images.npy --train-labels labels.npy',
      'a list of images and one of labels',
    ],
  ],

  async run(args, { stdout, cwd, env }) {
    const { resolve } = await import('node:path')
    const { DatasetCatalog } = await import('../data/catalog.ts')
    const { registerInFile } = await import('../data/catalog-file.ts')
    const [name, ...more] = args.positional
    if (name === undefined || more.length > 0)
      throw new VisslError(ExitCode.usage, 'give one name', 'write  vissl data register NAME --train PATH')
    const given = parts
      .map((part) => [part, pathsOf(args, part, (path) => resolve(cwd, path))] as const)
      .filter(([, paths]) => paths.length > 0)
    if (given.length === 0)
      throw new VisslError(
        ExitCode.usage,
        'no path is given',
        `write  vissl data register ${name} --train PATH`,
      )
    const chosen = args.options.get('file')?.at(-1)
    const file = chosen === undefined ? new DatasetCatalog({ cwd, env }).ownFile : resolve(cwd, chosen)
    registerInFile(file, name, Object.fromEntries(given), args.options.has('force'))
    stdout.write(`${name} (${given.map(([part]) => part).join(', ')}) is in ${file}\n`)
    return ExitCode.ok
  },
}

/** `[images]` or `[images, labels]` of a part. */
function pathsOf(args: Arguments, part: string, absolute: (path: string) => string): (string | string[])[] {
  const images = args.options.get(part)?.at(-1)
  const labels = (args.options.get(`${part}-labels`) ?? []).map(absolute)
  if (images === undefined) {
    if (labels.length === 0) return []
    throw new VisslError(
      ExitCode.usage,
      `--${part}-labels needs --${part}`,
      `give the images with --${part} PATH`,
    )
  }
  const labelled = labels.length === 1 ? [labels[0]!] : labels.length > 1 ? [labels] : []
  return [absolute(images), ...labelled]
}
