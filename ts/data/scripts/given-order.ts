import { ExitCode, VisslError } from '../../errors.ts'
import { parseParams } from '../../nn/params.ts'
import type { DataSplit } from '../dataset.ts'
import { randomOf } from './random.ts'
import { type DrawOrder, type SamplerContext, samplers } from './sampler.ts'

/** The order of the samples of a split, by a sampler that is written in TypeScript. */
export interface GivenOrder {
  /** Batches of an epoch of this process. */
  readonly batches: number
  /** @throws VisslError when the sampler fails or gives what is no order */
  of(epoch: number): Uint32Array
}

/**
 * The order that `SAMPLER` asks for.
 *
 * @returns undefined where the split names no sampler
 * @throws VisslError for an unknown sampler, parameters that do not fit, or processes with unlike numbers of samples
 */
export function splitOrder(
  split: DataSplit,
  place: Omit<SamplerContext, 'epoch' | 'random'>,
): GivenOrder | undefined {
  const { SAMPLER: name, SAMPLER_PARAMS, BATCHSIZE_PER_REPLICA, DROP_LAST } = split
  if (name === undefined || name === '') return undefined
  const kind = samplers.get(name)
  const draw = kind.create(parseParams(`sampler "${name}"`, kind.params, SAMPLER_PARAMS))
  const order = (epoch: number, rank: number) => drawn(name, draw, { ...place, epoch, rank })
  const { length } = order(0, place.rank)
  for (let rank = 0; rank < place.world; rank++) {
    const other = order(0, rank).length
    if (other !== length)
      throw wrong(name, `gives process ${place.rank} ${length} samples and process ${rank} ${other}`)
  }
  const exact = length / BATCHSIZE_PER_REPLICA
  const batches = DROP_LAST === true ? Math.floor(exact) : Math.ceil(exact)
  if (batches === 0) throw wrong(name, `gives ${length} samples, and a batch has ${BATCHSIZE_PER_REPLICA}`)
  return {
    batches,
    of: (epoch) => {
      const samples = order(epoch, place.rank)
      if (samples.length === length) return samples
      throw wrong(name, `gives ${samples.length} samples in epoch ${epoch} and ${length} in epoch 0`)
    },
  }
}

function drawn(name: string, draw: DrawOrder, place: Omit<SamplerContext, 'random'>): Uint32Array {
  let samples: unknown
  try {
    samples = draw({ ...place, random: randomOf(place.seed, place.epoch) })
  } catch (error) {
    if (error instanceof VisslError) throw error
    throw wrong(name, `failed in epoch ${place.epoch}: ${(error as Error).message ?? String(error)}`, error)
  }
  const isList = samples instanceof Uint32Array || Array.isArray(samples)
  if (!isList) throw wrong(name, `gave ${describe(samples)} rather than a Uint32Array or a list of numbers`)
  const given = samples as ArrayLike<unknown>
  for (let at = 0; at < given.length; at++) {
    const sample = given[at]
    if (Number.isInteger(sample) && (sample as number) >= 0 && (sample as number) < place.size) continue
    throw wrong(
      name,
      `gave ${describe(sample)} at place ${at} of epoch ${place.epoch}, and samples are 0 to ${place.size - 1}`,
    )
  }
  return samples instanceof Uint32Array ? samples : Uint32Array.from(samples as number[])
}

const describe = (value: unknown): string =>
  typeof value === 'object' && value !== null ? `a ${value.constructor?.name ?? 'map'}` : String(value)

const wrong = (name: string, what: string, cause?: unknown): VisslError =>
  new VisslError(
    ExitCode.usage,
    `sampler "${name}" ${what}`,
    'correct the sampler',
    cause === undefined ? undefined : { cause },
  )
