import type { z } from 'zod'
import { Registry } from '../registry.ts'
import type { Optimizer, ParamGroupInput } from './optimizer.ts'

/** A registrable optimizer; `params` is the schema of its keys in the `OPTIMIZER` block. */
export interface OptimizerClass {
  readonly key: string
  readonly params: z.ZodType
  // biome-ignore lint/suspicious/noExplicitAny: each optimizer takes the output of its own schema, checked before
  new (groups: readonly ParamGroupInput[], params?: any): Optimizer
}

/** Optimizers by the name in `OPTIMIZER.name`. */
export const optimizers = new Registry<OptimizerClass>('optimizer')
