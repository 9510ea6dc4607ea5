import { statSync } from 'node:fs'
import { isAbsolute, join, resolve } from 'node:path'
import type { Difference } from '../config/diff.ts'
import { ExitCode, VisslError } from '../errors.ts'
import { styleFor } from '../logging/style.ts'
import type { Arguments } from './arguments.ts'
import type { Command } from './command.ts'
import { composeInput, inputOptions, printWarnings, rawOption, treeToShow } from './config-input.ts'

/** As `diff` has it: 0 the same, 1 different; mistakes are 2. */
const DIFFERENT: ExitCode = 1

export const configDiff: Command = {
  usage: 'A B [config.KEY=VALUE …]',
  description:
    'Prints the keys whose values differ, "-" before the value of A and "+" before that of B. Each is the name of a\n' +
    'configuration, a YAML file, or the folder of a run (its train_config.yaml). Overrides apply to both. Exits with 0\n' +
    'when they are the same and with 1 when they differ.',
  options: [rawOption, ...inputOptions],
  examples: [
    ['vissl config diff quickstart folder', 'two configurations'],
    ['vissl config diff quickstart ./mine.yaml --raw', 'a file of your own, before inference'],
    ['vissl config diff runs/quickstart-1 runs/quickstart-2', 'what two runs were trained with'],
  ],

  async run(args, terminal) {
    const { stdout, cwd, env } = terminal
    const [a, b, extra] = args.positional
    if (a === undefined || b === undefined || extra !== undefined) {
      throw new VisslError(
        ExitCode.usage,
        extra === undefined ? 'two configurations are compared' : `unexpected argument ${extra}`,
        'write  vissl config diff A B',
      )
    }
    const base = args.overrides.find((override) => /^config=/.test(override))
    if (base !== undefined) {
      throw new VisslError(ExitCode.usage, `unexpected argument ${base}`, 'give the names of A and B alone')
    }
    const [left, right] = [await treeOf(a, args, cwd), await treeOf(b, args, cwd)]
    for (const { composition } of [left, right]) printWarnings(terminal, composition)
    const { diffTrees } = await import('../config/diff.ts')
    const differences = diffTrees(left.tree, right.tree)
    if (differences.length === 0) return ExitCode.ok
    const { toJson } = await import('../config/json-value.ts')
    const style = styleFor(stdout, env)
    const line = (sign: '-' | '+', { path }: Difference, value: Difference['left']): string => {
      if (value === undefined) return ''
      const text = `${sign} ${path}: ${toJson(value)}`
      return `${sign === '-' ? style.red(text) : style.green(text)}\n`
    }
    stdout.write(style.bold(`--- ${a}\n+++ ${b}\n`))
    for (const found of differences) {
      stdout.write(line('-', found, found.left) + line('+', found, found.right))
    }
    return DIFFERENT
  },
}

async function treeOf(name: string, args: Arguments, cwd: string) {
  const composition = await composeInput(args, cwd, baseOf(name, cwd))
  return { composition, tree: await treeToShow(args, composition) }
}

/**
 * What `config=` takes for a name, a file or the folder of a run.
 *
 * @throws VisslError when the folder is no run
 */
export function baseOf(name: string, cwd: string): string {
  const path = resolve(cwd, name)
  const stat = statSync(path, { throwIfNoEntry: false })
  if (stat?.isFile() === true) return isAbsolute(name) || name.startsWith('.') ? name : `./${name}`
  if (stat?.isDirectory() !== true) return name
  const file = join(path, 'train_config.yaml')
  if (statSync(file, { throwIfNoEntry: false })?.isFile() === true) return file
  throw new VisslError(
    ExitCode.usage,
    `the folder ${name} holds no train_config.yaml`,
    'give a configuration, a YAML file or the folder of a run',
  )
}
