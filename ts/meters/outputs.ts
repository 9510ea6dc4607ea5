import { z } from 'zod'
import type { Tensor } from '../engine/index.ts'
import { ExitCode, VisslError } from '../errors.ts'

/** Parameters of every meter that measures several outputs. */
export const outputParams = {
  num_meters: z.number().int().positive().default(1).describe('number of model outputs'),
  meter_names: z.array(z.string()).default([]).describe('name of each output; numbers unless given'),
}

/** Parameters of meters that look at the best k classes. */
export const topKParams = z.object({
  ...outputParams,
  topk_values: z.array(z.number().int().positive()).min(1).default([1]).describe('each k that is measured'),
})

/** The outputs that a meter measures, by name. */
export class Outputs {
  readonly count: number
  readonly #meter: string
  readonly #names: readonly string[]

  /** @throws VisslError when there are names, but not one for each output */
  constructor(meter: string, params: { num_meters: number; meter_names: readonly string[] }) {
    const { num_meters, meter_names } = params
    if (meter_names.length > 0 && meter_names.length !== num_meters) {
      throw new VisslError(
        ExitCode.usage,
        `${meter}: ${meter_names.length} meter_names for num_meters ${num_meters}`,
        'give one name for each output, or none',
      )
    }
    this.#meter = meter
    this.count = num_meters
    this.#names = meter_names
  }

  name(index: number): string {
    return this.#names[index] ?? String(index)
  }

  /** @throws VisslError when the model has another number of outputs */
  check(outputs: readonly Tensor[]): void {
    if (outputs.length === this.count) return
    throw new VisslError(
      ExitCode.usage,
      `${this.#meter}: num_meters is ${this.count}, the model has ${outputs.length} outputs`,
      `set METERS.${this.#meter}.num_meters to the number of outputs`,
    )
  }

  /** An error about one output's scores. */
  unfit(index: number, scores: Tensor, wanted: string): VisslError {
    const shape = scores.shape.join('×')
    return new VisslError(
      ExitCode.usage,
      `${this.#meter}: output ${this.name(index)} has scores of shape ${shape}, ${wanted}`,
      'give the head as many outputs as there are classes, or correct the meter',
    )
  }
}
