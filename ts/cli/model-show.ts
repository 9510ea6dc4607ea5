import type { Config } from '../config/index.ts'
import { ExitCode, VisslError } from '../errors.ts'
import { formatMillions, formatTable } from '../logging/index.ts'
import type { InputShapes, ModelTrace } from '../models/index.ts'
import type { Arguments } from './arguments.ts'
import type { Command } from './command.ts'
import { composeInput, inputOptions, printWarnings } from './config-input.ts'
import { bytesText, multiplyAddsText, shapeText } from './model-text.ts'

export const modelShow: Command = {
  usage: '[CONFIG] [config=NAME] [config.KEY=VALUE …]',
  description:
    'Shows the model of a configuration for images of some size: features, parameters, multiply-adds, activations.\n' +
    'Nothing is computed and no weights are made, so that networks of any size can be shown. What does not fit, a\n' +
    'head of the wrong width for example, is an error.',
  options: [
    { name: 'layers', takes: 'flag', description: 'list every layer' },
    {
      name: 'input',
      takes: 'many',
      value: 'SHAPE',
      description:
        'shape of the batch, such as 16x3x224x224; repeated for crops, KEY=SHAPE for several inputs;\n' +
        'one image of config.MODEL.MODEL_COMPLEXITY.INPUT_SHAPE unless given',
    },
    { name: 'json', takes: 'flag', description: 'print JSON' },
    ...inputOptions,
  ],
  examples: [
    ['vissl model show config=quickstart', 'the quick start’s network'],
    ['vissl model show config=quickstart --input 512x3x28x28 --layers', 'every layer, for a whole batch'],
  ],

  async run(args, terminal) {
    const { stdout, cwd } = terminal
    const [name, extra] = args.positional
    if (extra !== undefined)
      throw new VisslError(ExitCode.usage, `unexpected argument ${extra}`, 'name one configuration')
    const composition = await composeInput(args, cwd, name)
    if (!composition.checked.ok) {
      const { errorOf } = await import('../config/index.ts')
      throw errorOf(composition.checked.mistakes)
    }
    printWarnings(terminal, composition)
    const config = composition.checked.root.config as Config
    const { traceModel } = await import('../models/index.ts')
    const inputs = inputsOf(args, config)
    const trace = traceModel(config.MODEL, inputs)
    if (args.options.has('json')) stdout.write(`${JSON.stringify(trace, null, 2)}\n`)
    else stdout.write(describe(config, inputs, trace, args.options.has('layers')))
    return ExitCode.ok
  },
}

function inputsOf(args: Arguments, config: Config): InputShapes {
  const given = args.options.get('input') ?? []
  if (given.length === 0) return [1, ...config.MODEL.MODEL_COMPLEXITY.INPUT_SHAPE]
  const keyed = given.filter((text) => text.includes('='))
  if (keyed.length > 0 && keyed.length < given.length) {
    throw new VisslError(
      ExitCode.usage,
      'some of --input have a key and some have none',
      'write all as KEY=SHAPE, or none',
    )
  }
  if (keyed.length > 0) {
    return Object.fromEntries(
      keyed.map((text) => {
        const at = text.indexOf('=')
        return [text.slice(0, at), shapeOf(text.slice(at + 1))]
      }),
    )
  }
  const shapes = given.map(shapeOf)
  return shapes.length === 1 ? shapes[0]! : shapes
}

function shapeOf(text: string): number[] {
  const sizes = text.split(/[x×,]/).map(Number)
  if (sizes.length === 4 && sizes.every((size) => Number.isSafeInteger(size) && size > 0)) return sizes
  throw new VisslError(
    ExitCode.usage,
    `"${text}" is no shape of a batch of images`,
    'write batch, channels, height and width: 16x3x224x224',
  )
}

function describe(config: Config, inputs: InputShapes, trace: ModelTrace, layers: boolean): string {
  const { NAME } = config.MODEL.TRUNK
  const heads = config.MODEL.HEAD.PARAMS.map((entry) => headName(entry as readonly unknown[]))
  const shown = Array.isArray(inputs)
    ? (typeof inputs[0] === 'number' ? [inputs as number[]] : (inputs as number[][])).map(shapeText)
    : Object.entries(inputs).map(([key, shape]) => `${key} ${shapeText(shape as number[])}`)
  const facts = [
    ['trunk', NAME],
    ['heads', heads.length > 0 ? heads.join(', ') : 'none'],
    ['input', shown.join(', ')],
    ['output', trace.outputs.map(shapeText).join(', ')],
    ['parameters', `${formatMillions(trace.parameters)} (trunk ${formatMillions(trace.trunkParameters)})`],
    ['trained', formatMillions(trace.trainable)],
    ['multiply-adds', multiplyAddsText(trace.multiplyAdds)],
    ['activations', bytesText(trace.activationBytes)],
  ]
  const width = Math.max(...facts.map(([label]) => label!.length))
  const lines = facts.map(([label, value]) => `${label!.padEnd(width)}  ${value}`)
  const features = Object.entries(trace.features).map(([name, shape]) => [name, shapeText(shape)])
  lines.push('', formatTable([['feature', 'shape'], ...features]))
  if (layers) {
    const rows = trace.layers.map((layer) => [
      layer.name,
      layer.kind,
      shapeText(layer.output),
      formatMillions(layer.parameters),
      multiplyAddsText(layer.multiplyAdds),
      bytesText(layer.outputBytes),
    ])
    const header = ['layer', 'kind', 'output', 'parameters', 'multiply-adds', 'activations']
    lines.push('', formatTable([header, ...rows]))
  }
  return `${lines.join('\n')}\n`
}

/** `mlp`, or `mlp → siamese_concat_view → mlp` for a chain. */
function headName(entry: readonly unknown[]): string {
  return typeof entry[0] === 'string'
    ? entry[0]
    : (entry as readonly (readonly unknown[])[]).map(([name]) => String(name)).join(' → ')
}
