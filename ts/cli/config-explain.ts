import type { Explanation } from '../config/explain.ts'
import { ExitCode, VisslError } from '../errors.ts'
import { type Style, styleFor } from '../logging/style.ts'
import type { Command } from './command.ts'
import { composeInput, inputExtensions, inputOptions, printWarnings, rawOption } from './config-input.ts'

export const configExplain: Command = {
  usage: 'KEY [config=NAME] [+config/GROUP=NAME …] [config.KEY=VALUE …]',
  description:
    'Says what a key means, what may stand there and what stands there by default. With a configuration also every\n' +
    'value that the key has had, with the file, override or rule that set it; the last one is in force. The front\n' +
    '"config." may be left out. Of a block, every key is shown in one line.',
  options: [rawOption, ...inputOptions],
  examples: [
    ['vissl config explain OPTIMIZER.num_epochs', 'what it is'],
    ['vissl config explain OPTIMIZER.num_epochs config=quickstart', 'and where its value comes from'],
    ['vissl config explain MODEL.SYNC_BN_CONFIG', 'all keys of a block'],
  ],

  async run(args, terminal) {
    const { stdout, cwd, env } = terminal
    const [key, extra] = args.positional
    if (key === undefined || extra !== undefined) {
      const problem = key === undefined ? 'no key is given' : `unexpected argument ${extra}`
      throw new VisslError(ExitCode.usage, problem, 'write  vissl config explain KEY [config=NAME]')
    }
    const { defaultTree } = await import('../config/index.ts')
    const { explainKey } = await import('../config/explain.ts')
    const { pathOf } = await import('./config-key.ts')
    const style = styleFor(stdout, env)
    if (args.overrides.length === 0) {
      const extensions = await inputExtensions(args, cwd)
      const path = pathOf(defaultTree(extensions), key, extensions)
      stdout.write(await page(explainKey(path, extensions), style))
      return ExitCode.ok
    }
    const composition = await composeInput(args, cwd)
    const { extensions } = composition
    const { inferTree } = await import('../config/infer-tree.ts')
    const tree = args.options.has('raw') ? composition.tree : inferTree(composition)
    const path = pathOf(tree, key, extensions)
    stdout.write(await page(explainKey(path, extensions, { ...composition, tree }), style))
    printWarnings(terminal, composition)
    return ExitCode.ok
  },
}

async function page({ key, history, children }: Explanation, style: Style): Promise<string> {
  const { toJson } = await import('../config/json-value.ts')
  const { describeOrigin } = await import('../config/index.ts')
  const { columns } = await import('./columns.ts')
  const { partNames } = await import('./part-names.ts')
  const shown = (value: Parameters<typeof toJson>[0] | undefined) =>
    shorten(value === undefined ? 'none' : toJson(value))
  const lines = [
    style.bold(key.path || 'the root'),
    ...(key.description === '' ? [] : [`  ${key.description}`]),
    '',
  ]
  if (children.length === 0) {
    const facts: [string, string][] = [['type', key.type]]
    if (key.choices.length > 0) facts.push(['choices', key.choices.join(', ')])
    const names = await partNames(key.path)
    for (const [i, line] of wrapped(names).entries()) facts.push([i === 0 ? 'names' : '', line])
    facts.push(['default', shown(key.default)])
    lines.push(...columns(facts))
  } else {
    const rows = children.map(({ name, description, type, isBlock, value }): string[] => [
      style.cyan(isBlock ? `${name}.` : name),
      isBlock ? '' : shown(value),
      [description, isBlock ? '' : style.dim(`(${type})`)].filter((text) => text !== '').join('  '),
    ])
    lines.push(...columns(rows))
    if (key.isOpen) lines.push('', '  other keys are accepted, and passed on to what reads this block')
  }
  if (history.length > 0) {
    const rows = history.map(({ origin, value }, i): string[] => [
      shown(value),
      describeOrigin(origin),
      i === history.length - 1 ? style.green('← in force') : '',
    ])
    lines.push('', ...columns(rows))
  }
  return `${lines.join('\n')}\n`
}

/** Long lists and maps are cut; `config show` prints them whole. */
function shorten(text: string): string {
  return text.length > 60 ? `${text.slice(0, 59)}…` : text
}

/** Names with commas, in lines that fit a terminal. */
function wrapped(names: readonly string[]): string[] {
  const lines: string[] = []
  for (const name of names) {
    const last = lines.at(-1)
    if (last === undefined || last.length + name.length > 88) lines.push(name)
    else lines[lines.length - 1] = `${last}, ${name}`
  }
  return lines.map((line, i) => (i < lines.length - 1 ? `${line},` : line))
}
