import type { z } from 'zod'
import type { Tensor } from '../engine/index.ts'
import { Registry } from '../registry.ts'

/** A meter's value by measure and output name, as metrics files hold it. */
export type MeterValue = Record<string, Record<string, number | number[] | number[][]>>

/** Measures a model's outputs over a phase. */
export interface Meter {
  /** Its name in logs. */
  readonly name: string
  /** @param outputs one tensor for each output of the model */
  update(outputs: readonly Tensor[], target: Tensor): void
  value(): MeterValue
  reset(): void
}

/** A registrable meter. */
export interface MeterClass {
  readonly key: string
  readonly params: z.ZodType
  new (params?: unknown): Meter
}

/** Meters by the name in `METERS.name`. */
export const meters = new Registry<MeterClass>('meter')
