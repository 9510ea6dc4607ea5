import { didYouMean, ExitCode, VisslError } from '../errors.ts'
import type { Command } from './command.ts'

export const dataGet: Command = {
  usage: 'NAME',
  description:
    'Fetches a data set into the cache (VISSL_CACHE, or ~/.cache/vissl), checks it and prints its folder. What is there\n' +
    'already is checked, not fetched again. `vissl data list` lists the names.',
  options: [
    {
      name: 'from',
      takes: 'one',
      value: 'FOLDER',
      description: 'take the files from this folder, and from nowhere else',
    },
  ],
  examples: [['vissl data get fashion_mnist', 'the images of the quick start']],

  async run(args, { stdout, stderr, cwd, env }) {
    const { fetchedDatasets } = await import('../data/fetched.ts')
    const names = Object.keys(fetchedDatasets)
    const [name, ...more] = args.positional
    if (name === undefined || more.length > 0) {
      throw new VisslError(ExitCode.usage, 'give the name of one data set', `known: ${names.join(', ')}`)
    }
    const found = Object.hasOwn(fetchedDatasets, name) ? fetchedDatasets[name] : undefined
    if (found === undefined) {
      const near = didYouMean(name, names)
      throw new VisslError(
        ExitCode.usage,
        `"${name}" cannot be fetched${near.length > 0 ? `; did you mean ${near.join(' or ')}?` : ''}`,
        `known: ${names.join(', ')}; others are fetched from their homes by hand, then: vissl data register ${name} --train PATH`,
      )
    }
    const { resolve } = await import('node:path')
    const from = args.options.get('from')?.at(-1)
    const folder = await found.fetch({
      env: { ...env },
      onProgress: (message) => stderr.write(`${message}\n`),
      ...(from !== undefined && { folder: resolve(cwd, from), onlyFolder: true }),
    })
    stdout.write(`${folder}\n`)
    return ExitCode.ok
  },
}
