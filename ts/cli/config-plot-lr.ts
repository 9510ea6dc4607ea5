import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { ExitCode, VisslError } from '../errors.ts'
import { styleFor } from '../logging/style.ts'
import { lastValue } from './arguments.ts'
import type { Command } from './command.ts'
import { composeInput, inputOptions, printWarnings } from './config-input.ts'

const WIDTH = 72
const HEIGHT = 13
/** Points of a curve in a picture. */
const POINTS = 1000

export const configPlotLr: Command = {
  usage: 'config=NAME [+config/GROUP=NAME …] [config.KEY=VALUE …]',
  description:
    'Draws the learning rate over training as inference leaves it: scaled to the global batch, warm-up dropped where\n' +
    'VISSL drops it. Heads get a curve of their own when they have their own rate.',
  options: [
    { name: 'svg', takes: 'one', value: 'FILE', description: 'draw into an SVG file instead' },
    ...inputOptions,
  ],
  examples: [
    ['vissl config plot-lr config=quickstart', 'in the terminal'],
    ['vissl config plot-lr config=quickstart config.OPTIMIZER.num_epochs=30', 'for a longer run'],
    ['vissl config plot-lr config=quickstart --svg lr.svg', 'as a picture'],
  ],

  async run(args, terminal) {
    const { stdout, cwd, env } = terminal
    const [extra] = args.positional
    if (extra !== undefined) {
      throw new VisslError(ExitCode.usage, `unexpected argument ${extra}`, 'choose with  config=NAME')
    }
    const composition = await composeInput(args, cwd)
    const { inferTree } = await import('../config/infer-tree.ts')
    const tree = inferTree(composition)
    const { schedulesOf } = await import('./schedules.ts')
    const { lr, lr_head, epochs } = schedulesOf(tree)
    printWarnings(terminal, composition)
    const { sampleCurve, drawCurve, formatRate } = await import('./lr-curve.ts')
    const curves = [
      sampleCurve('lr', lr, epochs, POINTS),
      ...(lr_head === undefined ? [] : [sampleCurve('lr_head', lr_head, epochs, POINTS)]),
    ]
    const svg = lastValue(args, 'svg')
    if (svg !== undefined) {
      const { curvesToSvg } = await import('./lr-svg.ts')
      save(resolve(cwd, svg), curvesToSvg(composition.configName, curves, epochs))
      stdout.write(`${svg}\n`)
      return ExitCode.ok
    }
    const style = styleFor(stdout, env)
    for (const curve of curves) {
      const { rates } = curve
      const facts = `from ${formatRate(rates[0]!)}, highest ${formatRate(Math.max(...rates))}, at the end ${formatRate(rates.at(-1)!)}`
      stdout.write(`${style.bold(curve.name)}  ${style.dim(facts)}\n`)
      stdout.write(`${drawCurve(curve, epochs, WIDTH, HEIGHT).join('\n')}\n`)
    }
    return ExitCode.ok
  },
}

function save(path: string, text: string): void {
  try {
    writeFileSync(path, text)
  } catch (error) {
    throw new VisslError(
      ExitCode.environment,
      `cannot write ${path}: ${(error as Error).message}`,
      'choose another file for --svg',
      { cause: error },
    )
  }
}
