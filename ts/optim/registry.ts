import type { z } from 'zod'
import { Registry } from '../registry.ts'
import type { Optimizer, ParamGroupInput } from './optimizer.ts'

/**
 * A registrable optimizer; `params` is the schema of its keys in the `OPTIMIZER` block. Its constructor is given what
 * the schema makes of them.
 */
export interface OptimizerClass {
  readonly key: string
  readonly params: z.ZodType
  new (groups: readonly ParamGroupInput[], params: never): Optimizer
}

/** Optimizers by the name in `OPTIMIZER.name`. */
export const optimizers = new Registry<OptimizerClass>('optimizer')
