import { ExitCode } from '../errors.ts'
import { styleFor } from '../logging/style.ts'
import type { Command } from './command.ts'

export const dataList: Command = {
  usage: '[TEXT …]',
  description:
    'Lists the data sets that DATASET_NAMES can name, where each is and whether it is there; below, those that\n' +
    '`vissl data get` fetches, and the kinds of source that DATA_SOURCES can name. With TEXT, data sets whose name has it.',
  options: [{ name: 'json', takes: 'flag', description: 'print JSON' }],
  examples: [
    ['vissl data list', 'all'],
    ['vissl data list imagenet', 'those with imagenet in their name'],
  ],

  async run(args, { stdout, cwd, env }) {
    const { DatasetCatalog } = await import('../data/catalog.ts')
    const { stateOf } = await import('../data/catalog-file.ts')
    const { fetchedDatasets } = await import('../data/fetched.ts')
    const { kinds } = await import('../data/sources/kinds.ts')
    const { columns } = await import('./columns.ts')
    const style = styleFor(stdout, env)
    const words = [...args.positional, ...args.overrides].map((word) => word.toLowerCase())
    const matches = (name: string) => words.every((word) => name.toLowerCase().includes(word))
    const catalog = new DatasetCatalog({ cwd, env })
    const found = catalog.list().filter(({ name }) => matches(name))
    const sets = found.map((record) => ({ name: record.name, file: record.file, ...stateOf(record) }))
    if (args.options.has('json')) {
      stdout.write(`${JSON.stringify(sets, null, 2)}\n`)
      return ExitCode.ok
    }
    const paint = { ready: style.green, missing: style.red, unset: style.dim }
    const rows = sets.map(({ name, state, detail }) => [style.cyan(name), paint[state](state), detail])
    const blocks = [`${style.bold('data sets')}\n${rows.length > 0 ? columns(rows).join('\n') : '  none'}`]
    const fetched = Object.entries(fetchedDatasets).filter(([name]) => matches(name))
    if (fetched.length > 0) {
      const lines = columns(fetched.map(([name, { summary }]) => [style.cyan(name), summary]))
      blocks.push(`${style.bold('fetched by `vissl data get NAME`')}\n${lines.join('\n')}`)
    }
    if (words.length === 0) {
      const lines = columns(Object.entries(kinds).map(([name, { summary }]) => [style.cyan(name), summary]))
      blocks.push(`${style.bold('kinds of source')}\n${lines.join('\n')}`)
    }
    blocks.push(`a data set of your own: vissl data register NAME --train PATH (into ${catalog.ownFile})`)
    stdout.write(`${blocks.join('\n\n')}\n`)
    return ExitCode.ok
  },
}
