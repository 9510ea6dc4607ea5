import type { Style } from '../logging/style.ts'
import type { OptionSpec } from './arguments.ts'
import { columns } from './columns.ts'
import type { Command, CommandEntry } from './command.ts'

/** Help for the whole program. */
export function programHelp(commands: ReadonlyMap<string, CommandEntry>, style: Style): string {
  return [
    `${style.bold('vissl')}  self-supervised visual learning`,
    '',
    `${style.bold('usage')}  vissl COMMAND [ARGUMENTS]`,
    '',
    ...table(
      [...commands].map(([name, { summary }]) => [name, summary]),
      style,
    ),
    '',
    ...table(
      [
        ['--help', 'help; after a command, for that command'],
        ['--version', 'the version'],
      ],
      style,
    ),
    '',
    style.bold('to begin'),
    ...table(
      [
        ['vissl train config=quickstart', 'a few minutes, data included'],
        ['vissl train ./my-photos', 'your own images, no configuration'],
      ],
      style,
    ),
    '',
  ].join('\n')
}

/** Help for commands of two words that begin with the same one. */
export function groupHelp(
  group: string,
  names: readonly string[],
  commands: ReadonlyMap<string, CommandEntry>,
  style: Style,
): string {
  return [
    `${style.bold('usage')}  vissl ${group} COMMAND [ARGUMENTS]`,
    '',
    ...table(
      names.map((name) => [name, commands.get(name)!.summary]),
      style,
    ),
    '',
    ...table([[`vissl help ${group} COMMAND`, 'options and examples of one']], style),
    '',
  ].join('\n')
}

/** Help for one command. */
export function commandHelp(name: string, command: Command, style: Style): string {
  const options = command.options.map((option): [string, string] => [optionName(option), option.description])
  options.push(['--help', 'this help'])
  return [
    `${style.bold('usage')}  vissl ${name} ${command.usage}`,
    '',
    command.description,
    '',
    style.bold('options'),
    ...table(options, style),
    '',
    style.bold('examples'),
    ...table(command.examples, style),
    '',
  ].join('\n')
}

function optionName({ name, takes, value = 'VALUE' }: OptionSpec): string {
  if (takes === 'flag') return `--${name}`
  return takes === 'optional' ? `--${name} [${value}]` : `--${name} ${value}`
}

/** Names in colour beside what they do. */
function table(rows: readonly (readonly [string, string])[], style: Style): string[] {
  return columns(rows.map(([name, text]) => [style.cyan(name), text]))
}
