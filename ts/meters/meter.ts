import type { z } from 'zod'
import type { Tensor } from '../engine/index.ts'
import { Registry } from '../registry.ts'

/** A meter's value by measure and output name, as metrics files hold it. */
export type MeterValue = Record<string, Record<string, number | (number | number[])[]>>

/** A meter's counts, by name; numbers only, so that a checkpoint can hold them. */
export type MeterState = Record<string, number[]>

/** Measures a model's outputs over a phase. */
export interface Meter {
  /** Its name in logs. */
  readonly name: string
  /** @param outputs one tensor for each output of the model */
  update(outputs: readonly Tensor[], target: Tensor): void
  /**
   * Takes in what the other processes of the run have measured since the last call; every process calls it. From
   * then on the value is that of the whole run.
   */
  sync(): void
  value(): MeterValue
  reset(): void
  /** What it has measured so far. */
  stateDict(): MeterState
  /** Goes on from a state of a meter with the same settings. */
  loadStateDict(state: Readonly<MeterState>): void
}

/** A registrable meter. */
export interface MeterClass {
  readonly key: string
  readonly params: z.ZodType
  /** It is given what its own schema makes of the block `METERS.<key>`. */
  new (params: never): Meter
}

/** Meters by the name in `METERS.name`. */
export const meters = new Registry<MeterClass>('meter')
