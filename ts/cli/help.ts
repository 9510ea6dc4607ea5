import type { Style } from '../logging/style.ts'
import type { OptionSpec } from './arguments.ts'
import type { Command, CommandEntry } from './command.ts'

/** Help for the whole program. */
export function programHelp(commands: ReadonlyMap<string, CommandEntry>, style: Style): string {
  return [
    `${style.bold('vissl')}  self-supervised visual learning`,
    '',
    `${style.bold('usage')}  vissl COMMAND [ARGUMENTS]`,
    '',
    ...columns(
      [...commands].map(([name, { summary }]) => [name, summary]),
      style,
    ),
    '',
    ...columns(
      [
        ['--help', 'help; after a command, for that command'],
        ['--version', 'the version'],
      ],
      style,
    ),
    '',
    style.bold('to begin'),
    ...columns(
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
    ...columns(
      names.map((name) => [name, commands.get(name)!.summary]),
      style,
    ),
    '',
    ...columns([[`vissl help ${group} COMMAND`, 'options and examples of one']], style),
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
    ...columns(options, style),
    '',
    style.bold('examples'),
    ...columns(command.examples, style),
    '',
  ].join('\n')
}

function optionName({ name, takes, value = 'VALUE' }: OptionSpec): string {
  if (takes === 'flag') return `--${name}`
  return takes === 'optional' ? `--${name} [${value}]` : `--${name} ${value}`
}

function columns(rows: readonly (readonly [string, string])[], style: Style): string[] {
  const width = Math.max(...rows.map(([left]) => left.length))
  return rows.map(([left, right]) => `  ${style.cyan(left.padEnd(width))}  ${right}`)
}
