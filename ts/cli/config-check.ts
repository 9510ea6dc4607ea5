import type { Composition, Config, Mistake, Tree } from '../config/index.ts'
import { ExitCode, VisslError } from '../errors.ts'
import { styleFor } from '../logging/style.ts'
import type { Arguments } from './arguments.ts'
import type { Command, Terminal } from './command.ts'
import { baseOf } from './config-diff.ts'
import { composeInput, inputOptions } from './config-input.ts'

export const configCheck: Command = {
  usage: '[FILE …] [config=NAME] [+config/GROUP=NAME …] [config.KEY=VALUE …]',
  description:
    'Checks configurations as training would: syntax, unknown keys, types and ranges, inference, names and\n' +
    'parameters of parts, shapes through the model. All mistakes are printed at once, with file, line and column. Each\n' +
    'FILE is a YAML file, the name of a configuration or the folder of a run; overrides apply to all. Without FILE, the\n' +
    'command line itself is checked. Exits with 2 when something is wrong. Unknown keys in files, and keys that nothing\n' +
    'reads, are warnings, as VISSL accepts them, unless --strict is given.',
  options: [{ name: 'strict', takes: 'flag', description: 'warnings are mistakes' }, ...inputOptions],
  examples: [
    ['vissl config check ./mine.yaml', 'a file'],
    ['vissl config check config=quickstart config.OPTIMIZER.num_epochs=5', 'a command line'],
    ['vissl config check configs/config/*.yaml --strict', 'several, for continuous integration'],
  ],

  async run(args, terminal) {
    const files = args.positional
    if (files.length === 0 && args.overrides.length === 0) {
      throw new VisslError(ExitCode.usage, 'there is nothing to check', 'write  vissl config check FILE')
    }
    let isGood = true
    for (const file of files.length === 0 ? [undefined] : files) {
      const result = await examine(args, terminal.cwd, file)
      if (!report(file ?? 'the command line', result, args.options.has('strict'), terminal)) isGood = false
    }
    return isGood ? ExitCode.ok : ExitCode.usage
  },
}

interface Result {
  readonly mistakes: readonly Mistake[]
  readonly warnings: readonly string[]
}

async function examine(args: Arguments, cwd: string, file: string | undefined): Promise<Result> {
  const { mistakeOf, relationMistakes } = await import('../config/index.ts')
  let composition: Composition
  try {
    composition = await composeInput(args, cwd, file === undefined ? undefined : baseOf(file, cwd))
  } catch (error) {
    return { mistakes: [mistakeOf(error)], warnings: [] }
  }
  const { checked, warnings, origins } = composition
  const mistakes = checked.ok ? relationMistakes(checked.root.config, origins) : checked.mistakes
  try {
    const { inferTree } = await import('../config/infer-tree.ts')
    const { checkParts } = await import('./check-parts.ts')
    const tree = inferTree(composition)
    mistakes.push(...checkParts(tree, origins, mistakes))
    if (mistakes.length === 0) await followShapes(tree)
    return { mistakes, warnings }
  } catch (error) {
    const found = mistakeOf(error)
    const isKnown = mistakes.some(({ message }) => isAboutSame(message, found.message))
    return { mistakes: isKnown ? mistakes : [...mistakes, found], warnings }
  }
}

/** Whether a message is about the key whose value another one rejects: it follows from that. */
function isAboutSame(known: string, found: string): boolean {
  const key = /(\S+): got /.exec(known)?.[1]
  return (
    key !== undefined && found.split(/[\s:;,]+/).some((word) => word === key || word.startsWith(`${key}.`))
  )
}

/** @throws VisslError where trunk, heads and images do not fit one another */
async function followShapes(tree: Tree): Promise<void> {
  const { checkModel } = await import('../launch/check-parts.ts')
  checkModel(tree.config as unknown as Config)
}

/** Prints what was found of one configuration; tells whether it is good. */
function report(name: string, { mistakes, warnings }: Result, strict: boolean, terminal: Terminal): boolean {
  const { stdout, stderr, env } = terminal
  const { red, green, yellow, bold } = styleFor(stderr, env)
  const isGood = mistakes.length === 0 && !(strict && warnings.length > 0)
  for (const { message, fix } of mistakes) {
    stderr.write(`${red('✖')} ${message}\n${fix === '' ? '' : `  ${bold('fix:')} ${fix}\n`}`)
  }
  for (const warning of warnings) stderr.write(`${strict ? red('✖') : yellow('!')} ${warning}\n`)
  if (isGood) stdout.write(`${green('✔')} ${name}\n`)
  return isGood
}
