import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { dirname } from 'node:path'
import { z } from 'zod'
import { computeThreads, libtorchVersion, ops, rngState, scope, setRngState } from '../engine/index.ts'
import { parseParams } from '../nn/index.ts'
import { buildTrunk } from './model.ts'
import { type ModelInput, modelParams } from './params.ts'
import type { Trunk } from './trunk.ts'

const choiceSchema = z.object({
  format: z.enum(['contiguous', 'channels_last']),
  /** Of one forward and backward pass, the best of several. */
  milliseconds: z.object({ contiguous: z.number(), channels_last: z.number() }),
})

/** How images and weights are laid out in memory, and what was measured. */
export type FormatChoice = z.output<typeof choiceSchema> & {
  /** Whether an earlier run measured it. */
  readonly remembered: boolean
}

/** How many pixels are timed at once: eight images of 224×224. */
const PIXELS = 8 * 224 * 224
const ROUNDS = 3
/** Contiguous memory must be this much faster to be chosen, so that noise does not choose. */
const MARGIN = 0.97

/**
 * Times a forward and backward pass of the trunk in both memory formats, on random images. The faster one is written
 * down, so that later runs of the same trunk and images on the same machine make the same choice and give the same
 * numbers. The default random generator is left as it was.
 *
 * @param images N×C×H×W of a batch; at least one image and at most eight of 224×224 are timed
 * @param file where choices are remembered; one that cannot be read or written only means that it is measured again
 * @throws VisslError when the trunk cannot take such images
 */
export function chooseMemoryFormat(
  config: ModelInput,
  images: readonly [number, number, number, number],
  file: string,
): FormatChoice {
  const key = keyOf(config, images)
  const choices = readChoices(file)
  const known = choiceSchema.safeParse(choices[key])
  if (known.success) return { ...known.data, remembered: true }
  const choice = measure(config, images)
  writeChoices(file, { ...choices, [key]: choice })
  return { ...choice, remembered: false }
}

function measure(config: ModelInput, [batch, ...shape]: readonly [number, number, number, number]) {
  const count = Math.max(1, Math.min(batch, Math.floor(PIXELS / (shape[1] * shape[2]))))
  return scope(() => {
    const random = rngState()
    try {
      using trunk = buildTrunk(parseParams('the model', modelParams, config))
      const time = (format: 'contiguous' | 'channels_last') => {
        trunk.to({ memoryFormat: format })
        // Two images at least, for batch normalisation.
        const input = ops.randn([Math.max(2, count), ...shape], {}).to({ memoryFormat: format })
        return Math.min(...Array.from({ length: ROUNDS }, () => timeStep(trunk, input)))
      }
      // The first pass of a process allocates and generates code.
      scope(() => time('contiguous'))
      const rounds = [0, 1].map(() => ({
        channels_last: scope(() => time('channels_last')),
        contiguous: scope(() => time('contiguous')),
      }))
      const best = (format: 'contiguous' | 'channels_last') =>
        Number(Math.min(...rounds.map((round) => round[format])).toFixed(2))
      const milliseconds = { contiguous: best('contiguous'), channels_last: best('channels_last') }
      const format =
        milliseconds.contiguous < MARGIN * milliseconds.channels_last ? 'contiguous' : 'channels_last'
      return { format, milliseconds } as const
    } finally {
      setRngState(random)
    }
  })
}

function timeStep(trunk: Trunk, input: Parameters<Trunk['forward']>[0]): number {
  const began = performance.now()
  scope(() => {
    const trained = trunk.parameters().some((parameter) => parameter.requiresGrad)
    const output = trunk.call(input)[0]!
    if (trained) output.sum().backward()
    for (const parameter of trunk.parameters()) parameter.grad = null
  })
  return performance.now() - began
}

/** Everything that decides which format is faster. */
function keyOf(config: ModelInput, images: readonly number[]): string {
  const facts = {
    cpu: cpus()[0]?.model,
    threads: computeThreads(),
    libtorch: libtorchVersion(),
    trunk: config.TRUNK,
    input: config.INPUT_TYPE,
    evaluation: config.FEATURE_EVAL_SETTINGS,
    images,
  }
  return createHash('sha256').update(JSON.stringify(facts)).digest('hex').slice(0, 32)
}

function readChoices(file: string): Record<string, unknown> {
  try {
    return z.record(z.string(), z.unknown()).parse(JSON.parse(readFileSync(file, 'utf8')))
  } catch {
    return {}
  }
}

function writeChoices(file: string, choices: Record<string, unknown>): void {
  const temporary = `${file}.${process.pid}`
  try {
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(temporary, `${JSON.stringify(choices, null, 1)}\n`)
    renameSync(temporary, file)
  } catch {
    // Without a place to remember it the next run measures again.
  }
}

/** The choice in a sentence: `channels last: 148 ms for a pass of the trunk, contiguous 205 ms`. */
export function describeFormat({ format, milliseconds, remembered }: FormatChoice): string {
  const names = { contiguous: 'contiguous', channels_last: 'channels last' } as const
  const other = format === 'contiguous' ? 'channels_last' : 'contiguous'
  const times = `${milliseconds[format]} ms for a pass of the trunk, ${names[other]} ${milliseconds[other]} ms`
  return `${names[format]}: ${times}${remembered ? ' (measured by an earlier run)' : ''}`
}
