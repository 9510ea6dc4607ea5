import { ExitCode, VisslError } from '../errors.ts'
import type { Command } from './command.ts'
import { inputExtensions, inputOptions } from './config-input.ts'

export const configSchemaCommand: Command = {
  usage: '[--plugin FILE]',
  description:
    'Prints the JSON Schema (draft 2020-12) of configuration files. An editor that is given it completes keys, shows\n' +
    'what they mean and marks mistakes. For the YAML language server, put this line into a file:\n' +
    '  # yaml-language-server: $schema=vissl.schema.json',
  options: inputOptions.filter(({ name }) => name === 'plugin'),
  examples: [
    ['vissl config schema > vissl.schema.json', 'for an editor'],
    ['vissl config schema --plugin ./my-loss.ts', 'with the parameters of your own parts'],
  ],

  async run(args, { stdout, cwd }) {
    const [extra] = [...args.positional, ...args.overrides]
    if (extra !== undefined) {
      throw new VisslError(
        ExitCode.usage,
        `unexpected argument ${extra}`,
        'the schema is the same for all files',
      )
    }
    const { configJsonSchema } = await import('../config/json-schema.ts')
    const { namedKeys, partNames } = await import('./part-names.ts')
    const extensions = await inputExtensions(args, cwd)
    const names = new Map<string, readonly string[]>()
    for (const key of namedKeys) names.set(key, await partNames(key))
    const schema = configJsonSchema(extensions, names)
    stdout.write(`${JSON.stringify(schema, null, 2)}\n`)
    return ExitCode.ok
  },
}
