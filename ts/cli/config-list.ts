import { dirname } from 'node:path'
import type { CatalogueEntry } from '../config/catalogue.ts'
import { ExitCode, VisslError } from '../errors.ts'
import { styleFor } from '../logging/style.ts'
import type { Command } from './command.ts'
import { inputDirs, inputOptions } from './config-input.ts'

export const configList: Command = {
  usage: '[TEXT …]',
  description:
    'Lists every configuration with a line of what it is: whole runs first, then overlays that change a part of one.\n' +
    'With TEXT, those whose name or description has it, in upper or lower case; with several, all of them.',
  options: inputOptions.filter(({ name }) => name === 'config-dir'),
  examples: [
    ['vissl config list', 'all'],
    ['vissl config list swav', 'those about SwAV'],
    ['vissl config list simclr models', 'overlays of SimCLR that choose a model'],
  ],

  async run(args, { stdout, cwd, env }) {
    const { catalogue } = await import('../config/catalogue.ts')
    const { columns } = await import('./columns.ts')
    const style = styleFor(stdout, env)
    const words = [...args.positional, ...args.overrides].map((word) => word.toLowerCase())
    const all = catalogue(await inputDirs(args, cwd))
    const found = all.filter(({ argument, summary }) => {
      const text = `${argument} ${summary}`.toLowerCase()
      return words.every((word) => text.includes(word))
    })
    if (found.length === 0) {
      throw new VisslError(
        ExitCode.usage,
        all.length === 0 ? 'there are no configurations' : `no configuration matches ${words.join(' ')}`,
        all.length === 0 ? 'check --config-dir' : '`vissl config list` prints all',
      )
    }
    const table = (entries: readonly CatalogueEntry[]) =>
      columns(entries.map(({ argument, summary }) => [style.cyan(argument), summary]))
    const titles = {
      base: 'whole runs',
      overlay: 'overlays, to be added to a run they fit',
      other: 'for other programs',
    }
    const blocks = (['base', 'overlay', 'other'] as const).flatMap((kind) => {
      const entries = found.filter((entry) => entry.kind === kind)
      if (entries.length === 0) return []
      return [
        `${style.bold(titles[kind])}\n${folders(entries)
          .map((group) => table(group).join('\n'))
          .join('\n\n')}`,
      ]
    })
    stdout.write(`${blocks.join('\n\n')}\n`)
    return ExitCode.ok
  },
}

/** Entries that lie in one folder, together. */
function folders(entries: readonly CatalogueEntry[]): CatalogueEntry[][] {
  const groups = new Map<string, CatalogueEntry[]>()
  for (const entry of entries) {
    const folder = dirname(entry.file)
    groups.set(folder, [...(groups.get(folder) ?? []), entry])
  }
  return [...groups.values()]
}
