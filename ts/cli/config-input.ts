import { resolve } from 'node:path'
import type { Composition, Extensions, Tree } from '../config/index.ts'
import { styleFor } from '../logging/style.ts'
import type { Arguments, OptionSpec } from './arguments.ts'
import type { Terminal } from './command.ts'
import { extensionsOf } from './extensions.ts'

/** Options of every command that composes. */
export const inputOptions: readonly OptionSpec[] = [
  {
    name: 'plugin',
    takes: 'many',
    value: 'FILE',
    description: 'a module of your own, whose parameters are then known; may be repeated',
  },
  {
    name: 'config-dir',
    takes: 'many',
    value: 'FOLDER',
    description: 'look for config/NAME.yaml in this folder first; may be repeated',
  },
]

/** The option of commands that show either side of inference. */
export const rawOption: OptionSpec = {
  name: 'raw',
  takes: 'flag',
  description: "as written, before VISSL's inference fills in and scales values",
}

/** Composes a command line that may have `--plugin` and `--config-dir`. */
export async function composeInput(
  args: Arguments,
  cwd: string,
  base?: string,
): Promise<Composition & { readonly extensions: Extensions }> {
  const extensions = await inputExtensions(args, cwd)
  const { composeTree } = await import('../config/index.ts')
  const request = { config: base, overrides: args.overrides, cwd, extensions }
  const configDirs = await inputDirs(args, cwd)
  return { ...composeTree({ ...request, configDirs }), extensions }
}

/** Schemas of the parts in `--plugin`. */
export function inputExtensions(args: Arguments, cwd: string): Promise<Extensions> {
  return extensionsOf((args.options.get('plugin') ?? []).map((file) => resolve(cwd, file)))
}

/** Folders to search, those of `--config-dir` first. */
export async function inputDirs(args: Arguments, cwd: string): Promise<string[]> {
  const { defaultConfigDirs } = await import('../config/locate.ts')
  const given = (args.options.get('config-dir') ?? []).map((folder) => resolve(cwd, folder))
  return [...given, ...defaultConfigDirs(cwd)]
}

/**
 * The tree to show: after inference, or as composed with `--raw`.
 *
 * @throws VisslError when inference is impossible
 */
export async function treeToShow(args: Arguments, composition: Composition): Promise<Tree> {
  if (args.options.has('raw')) return composition.tree
  const { inferTree } = await import('../config/infer-tree.ts')
  return inferTree(composition)
}

/** Prints warnings of composing, and mistakes that a command does not reject. */
export function printWarnings({ stderr, env }: Terminal, composition: Composition): void {
  const { yellow } = styleFor(stderr, env)
  const { warnings, checked } = composition
  const texts = [...warnings, ...(checked.ok ? [] : checked.mistakes.map(({ message }) => message))]
  for (const text of texts) stderr.write(`${yellow('!')} ${text}\n`)
}
