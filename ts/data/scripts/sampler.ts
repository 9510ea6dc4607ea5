import type { z } from 'zod'
import { Registry } from '../../registry.ts'
import type { TransformRandom } from './transform.ts'

/** All that an order may depend on. */
export interface SamplerContext {
  /** `SEED_VALUE`. */
  readonly seed: number
  /** Index of the phase, training and test phases counted. */
  readonly epoch: number
  /** Samples of the data set. */
  readonly size: number
  /** This process's place among `world` ones. */
  readonly rank: number
  readonly world: number
  /** Follows from seed and epoch: the same in all processes. */
  readonly random: TransformRandom
}

/**
 * The samples of one process in one epoch, in order: whole numbers from 0 to `size` − 1, as many in every epoch and in
 * every process. The same context must give the same order, since a resumed run asks again.
 */
export type DrawOrder = (context: SamplerContext) => Uint32Array | readonly number[]

/** A sampler that is written in TypeScript. */
export interface SamplerKind<S extends z.ZodType = z.ZodType> {
  /** Of `SAMPLER_PARAMS`. */
  readonly params: S
  create(params: z.output<S>): DrawOrder
}

/** Samplers that are written in TypeScript, by their name in `SAMPLER`. */
export const samplers: Registry<SamplerKind> = new Registry('sampler')

/** Makes a sampler known under a name. @throws VisslError when the name is taken */
export function registerSampler<S extends z.ZodType>(name: string, kind: SamplerKind<S>): void {
  samplers.register(name, kind as unknown as SamplerKind)
}
