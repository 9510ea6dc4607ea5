import { ExitCode, VisslError } from '../errors.ts'
import { styleFor } from '../logging/style.ts'
import { type Arguments, lastValue } from './arguments.ts'
import type { Command } from './command.ts'
import { composeInput, inputOptions, printWarnings, rawOption, treeToShow } from './config-input.ts'

export const configShow: Command = {
  usage: '[config=NAME] [+config/GROUP=NAME …] [config.KEY=VALUE …] [KEY]',
  description:
    'Prints the configuration that such a command line gives: defaults, file, overlays, values, and what inference\n' +
    'makes of them. With a KEY, only that part. Values of a wrong type are shown with a warning. In JSON, infinite\n' +
    'numbers and NaN are the texts ".inf", "-.inf" and ".nan".',
  options: [
    rawOption,
    { name: 'format', takes: 'one', value: 'yaml|json', description: 'how to print; yaml unless given' },
    { name: 'json', takes: 'flag', description: 'short for --format json' },
    { name: 'origin', takes: 'flag', description: 'say where each value came from, one value a line' },
    ...inputOptions,
  ],
  examples: [
    ['vissl config show config=quickstart', 'everything'],
    ['vissl config show config=quickstart OPTIMIZER', 'one part'],
    ['vissl config show config=quickstart OPTIMIZER --origin', 'with sources'],
    ['vissl config show config=quickstart --raw --format json', 'as composed, for a program'],
  ],

  async run(args, terminal) {
    const { stdout, cwd, env } = terminal
    const format = formatOf(args)
    const [key, extra] = args.positional
    if (extra !== undefined)
      throw new VisslError(ExitCode.usage, `unexpected argument ${extra}`, 'name one key')
    const composition = await composeInput(args, cwd)
    const tree = await treeToShow(args, composition)
    const { pathOf } = await import('./config-key.ts')
    const { asLines } = await import('./show-tree.ts')
    const { getAt } = await import('../config/index.ts')
    const path = key === undefined ? [] : pathOf(tree, key, composition.extensions)
    const part = getAt(tree, path)
    if (part === undefined) {
      throw new VisslError(
        ExitCode.usage,
        `${path.join('.')} is not set in this configuration`,
        `see  vissl config explain ${path.join('.')}`,
      )
    }
    if (args.options.has('origin')) {
      stdout.write(asLines(part, path, composition.origins, styleFor(stdout, env)))
    } else if (format === 'json') {
      const { toJson } = await import('../config/json-value.ts')
      stdout.write(`${toJson(part, 2)}\n`)
    } else {
      const { yamlText } = await import('./yaml-text.ts')
      stdout.write(yamlText(part))
    }
    printWarnings(terminal, composition)
    return ExitCode.ok
  },
}

function formatOf(args: Arguments): 'yaml' | 'json' {
  const format = lastValue(args, 'format') ?? (args.options.has('json') ? 'json' : 'yaml')
  if (format !== 'yaml' && format !== 'json') {
    throw new VisslError(ExitCode.usage, `--format is "${format}"`, 'choose yaml or json')
  }
  if (format === 'json' && args.options.has('origin')) {
    throw new VisslError(
      ExitCode.usage,
      'origins are not printed as JSON',
      'leave out --origin or --format json',
    )
  }
  return format
}
