import { ExitCode, VisslError } from '../errors.ts'
import { styleFor } from '../logging/style.ts'
import type { Command } from './command.ts'

export const configShow: Command = {
  usage: '[config=NAME] [KEY=VALUE …] [KEY]',
  description:
    'Prints the configuration that such a command line gives: defaults, file, overlays, values. With a KEY, only\n' +
    'that part. Values of a wrong type are shown with a warning.',
  options: [
    { name: 'origin', takes: 'flag', description: 'say where each value came from' },
    { name: 'json', takes: 'flag', description: 'print JSON' },
  ],
  examples: [
    ['vissl config show config=quickstart', 'everything'],
    ['vissl config show config=quickstart config.OPTIMIZER', 'one part'],
    ['vissl config show config=quickstart --origin', 'with sources'],
  ],

  async run(args, { stdout, stderr, cwd, env }) {
    const { composeTree, getAt, pathOf, showTree } = await import('./show-tree.ts')
    const { tree, origins, warnings, checked } = composeTree({ overrides: args.overrides, cwd })
    const [key, extra] = args.positional
    if (extra !== undefined)
      throw new VisslError(ExitCode.usage, `unexpected argument ${extra}`, 'name one key')
    const path = key === undefined ? [] : pathOf(tree, key)
    const part = getAt(tree, path) ?? null
    const style = styleFor(stdout, env)
    if (args.options.has('json')) stdout.write(`${JSON.stringify(part, null, 2)}\n`)
    else stdout.write(showTree(part, path, args.options.has('origin') ? origins : undefined, style))
    const { yellow } = styleFor(stderr, env)
    for (const warning of warnings) stderr.write(`${yellow('!')} ${warning}\n`)
    if (!checked.ok) for (const { message } of checked.mistakes) stderr.write(`${yellow('!')} ${message}\n`)
    return ExitCode.ok
  },
}
