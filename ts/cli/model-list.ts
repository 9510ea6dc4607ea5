import { ExitCode, VisslError } from '../errors.ts'
import { formatMillions, formatTable } from '../logging/index.ts'
import type { Command } from './command.ts'
import { multiplyAddsText, shapeText } from './model-text.ts'

export const modelList: Command = {
  usage: '',
  description:
    'Lists every network with a name, with the parameters and multiply-adds of the trunk for one image of the size it\n' +
    'is made for, and the registered trunks and heads.',
  options: [
    { name: 'json', takes: 'flag', description: 'print JSON' },
    {
      name: 'plugin',
      takes: 'many',
      value: 'FILE',
      description: 'a module of your own, whose trunks and heads are then listed; may be repeated',
    },
  ],
  examples: [['vissl model list', 'everything']],

  async run(args, { stdout, cwd }) {
    const [extra] = args.positional
    if (extra !== undefined || args.overrides.length > 0) {
      throw new VisslError(
        ExitCode.usage,
        `unexpected argument ${extra ?? args.overrides[0]}`,
        'to see one model:  vissl model show config=NAME',
      )
    }
    const { inputExtensions } = await import('./config-input.ts')
    await inputExtensions(args, cwd)
    const { heads, presets, traceModel, trunks } = await import('../models/index.ts')
    const networks = presets.map(({ name, config, input }) => {
      const { trunkParameters, multiplyAdds, outChannels } = traceModel(config, [1, ...input])
      return {
        name,
        trunk: config.TRUNK?.NAME ?? '',
        input: [...input],
        outChannels,
        parameters: trunkParameters,
        multiplyAdds,
      }
    })
    const parts = { trunks: trunks.names(), heads: heads.names() }
    if (args.options.has('json')) stdout.write(`${JSON.stringify({ networks, ...parts }, null, 2)}\n`)
    else {
      const rows = networks.map((network) => [
        network.name,
        network.trunk,
        shapeText(network.input),
        String(network.outChannels),
        formatMillions(network.parameters),
        multiplyAddsText(network.multiplyAdds),
      ])
      const header = ['network', 'trunk', 'input', 'features', 'parameters', 'multiply-adds']
      stdout.write(`${formatTable([header, ...rows])}\n\n`)
      stdout.write(`trunks  ${parts.trunks.join(', ')}\nheads   ${parts.heads.join(', ')}\n`)
    }
    return ExitCode.ok
  },
}
