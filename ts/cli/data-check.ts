import { ExitCode, VisslError } from '../errors.ts'
import { styleFor } from '../logging/style.ts'
import type { Command } from './command.ts'

/** Lines of a list that are shown without --all. */
const SHOWN = 10

export const dataCheck: Command = {
  usage: 'PATH | NAME',
  description:
    'Decodes every image of a folder, list, table, tar or IDX file, or of a data set of the catalog, and says how many\n' +
    'there are, of which classes and sizes, which are broken, and which are there more than once (by their bytes).\n' +
    'The exit code is 3 when an image is broken.',
  options: [
    {
      name: 'source',
      takes: 'one',
      value: 'KIND',
      description: 'how to read the path, as in DATA_SOURCES; guessed from its name otherwise',
    },
    {
      name: 'split',
      takes: 'one',
      value: 'train|val',
      description: 'the part of a data set that has parts; train',
    },
    { name: 'threads', takes: 'one', value: 'N', description: 'threads that decode; all by default' },
    { name: 'all', takes: 'flag', description: `list all broken files and duplicates, not only ${SHOWN}` },
    { name: 'json', takes: 'flag', description: 'print JSON' },
  ],
  examples: [
    ['vissl data check ./my-photos', 'a folder of images'],
    ["vissl data check 'shards/images-{0000..0099}.tar'", 'tar shards'],
    ['vissl data check imagenet1k_folder --split val', 'a data set of the catalog'],
  ],

  async run(args, { stdout, cwd, env }) {
    const [path, ...more] = [...args.positional, ...args.overrides]
    if (path === undefined || more.length > 0)
      throw new VisslError(ExitCode.usage, 'give one path or name', 'write  vissl data check PATH')
    const option = (name: string) => args.options.get(name)?.at(-1)
    const split = option('split') ?? 'train'
    if (split !== 'train' && split !== 'val')
      throw new VisslError(ExitCode.usage, `--split is ${split}`, 'it is train or val')
    const threads = option('threads')
    if (threads !== undefined && !/^[1-9]\d{0,2}$/.test(threads))
      throw new VisslError(ExitCode.usage, `--threads is ${threads}`, 'give a number from 1 to 999')
    const { resolve } = await import('node:path')
    const { checkData } = await import('../data/check.ts')
    const { DatasetCatalog } = await import('../data/catalog.ts')
    const { existsSync } = await import('node:fs')
    const catalog = new DatasetCatalog({ cwd, env })
    const name = !existsSync(resolve(cwd, path)) && catalog.has(path) ? path : undefined
    const listed = name === undefined ? undefined : catalog.get(name).entry[split]?.[0]
    if (name !== undefined && typeof listed !== 'string')
      throw new VisslError(
        ExitCode.usage,
        `"${name}" has no ${split} images`,
        'vissl data list shows what it has',
      )
    const where = typeof listed === 'string' ? listed : resolve(cwd, path)
    const source = option('source')
    const report = await checkData(where, {
      ...(source !== undefined && { source }),
      ...(threads !== undefined && { threads: Number(threads) }),
      splitName: split === 'train' ? 'TRAIN' : 'TEST',
    })
    if (args.options.has('json'))
      stdout.write(
        `${JSON.stringify({ ...report, perClass: Object.fromEntries(report.perClass) }, null, 2)}\n`,
      )
    else {
      const { reportText } = await import('./data-report.ts')
      stdout.write(reportText(report, styleFor(stdout, env), args.options.has('all') ? Infinity : SHOWN))
    }
    return report.broken.length > 0 ? ExitCode.data : ExitCode.ok
  },
}
