import { z } from 'zod'
import { noGrad, scope, type Tensor } from '../engine/index.ts'
import { ExitCode, VisslError } from '../errors.ts'
import { parseParams } from '../nn/params.ts'
import { type Meter, type MeterValue, meters } from './meter.ts'
import { roundHalfEven } from './round.ts'

const accuracyListParams = z.object({
  num_meters: z.number().int().positive().default(1).describe('number of model outputs'),
  topk_values: z.array(z.number().int().positive()).min(1).default([1]).describe('k of each top-k accuracy'),
  meter_names: z.array(z.string()).default([]).describe('name of each output; numbers unless given'),
})

/**
 * Top-k accuracy of each output in percent.
 *
 * Outputs are N×C scores; the target holds N class numbers, or N×C zeros and ones where several classes may be
 * right: a sample counts when any of its classes is among the k best.
 */
export class AccuracyListMeter implements Meter {
  static readonly key = 'accuracy_list_meter'
  static readonly params = accuracyListParams

  readonly name = AccuracyListMeter.key
  readonly #settings: z.output<typeof accuracyListParams>
  #correct: number[][] = []
  #samples: number[] = []

  constructor(params: unknown = {}) {
    this.#settings = parseParams('meter "accuracy_list_meter"', accuracyListParams, params)
    const { num_meters, meter_names } = this.#settings
    if (meter_names.length > 0 && meter_names.length !== num_meters) {
      throw new VisslError(
        ExitCode.usage,
        `accuracy_list_meter: ${meter_names.length} meter_names for num_meters ${num_meters}`,
        'give one name for each output, or none',
      )
    }
    this.reset()
  }

  update(outputs: readonly Tensor[], target: Tensor): void {
    const { num_meters, topk_values } = this.#settings
    if (outputs.length !== num_meters) {
      throw new VisslError(
        ExitCode.usage,
        `accuracy_list_meter: num_meters is ${num_meters}, the model has ${outputs.length} outputs`,
        'set METERS.accuracy_list_meter.num_meters to the number of outputs',
      )
    }
    noGrad(() =>
      scope(() => {
        const depth = Math.max(...topk_values)
        for (const [i, output] of outputs.entries()) {
          const [rows, classes] = output.shape
          if (rows === undefined || classes === undefined || classes < depth) {
            throw new VisslError(
              ExitCode.usage,
              `accuracy_list_meter: top-${depth} of scores of shape ${output.shape.join('×')}`,
              'outputs must be N×C with at least as many classes as the largest k',
            )
          }
          const [, best] = output.topk(depth, 1)
          const hits = target.shape.length === 1 ? best.eq(target.unsqueeze(1)) : target.gather(1, best).ne(0)
          this.#samples[i]! += rows
          for (const [j, k] of topk_values.entries()) {
            this.#correct[i]![j]! += hits.narrow(1, 0, k).any(1).sum().item()
          }
        }
      }),
    )
  }

  value(): MeterValue {
    const { num_meters, topk_values, meter_names } = this.#settings
    const result: MeterValue = {}
    for (const [j, k] of topk_values.entries()) {
      const values: Record<string, number | number[]> = {}
      for (let i = 0; i < num_meters; i++) {
        const name = meter_names[i] ?? String(i)
        const samples = this.#samples[i]!
        const fraction = samples === 0 ? 0 : Math.fround(this.#correct[i]![j]! / samples)
        const percent = 100 * roundHalfEven(fraction, 6)
        const before = values[name]
        if (before === undefined) values[name] = percent
        else if (typeof before === 'number') values[name] = [before, percent]
        else before.push(percent)
      }
      result[`top_${k}`] = values
    }
    return result
  }

  reset(): void {
    const { num_meters, topk_values } = this.#settings
    this.#correct = Array.from({ length: num_meters }, () => topk_values.map(() => 0))
    this.#samples = Array.from({ length: num_meters }, () => 0)
  }
}

meters.register(AccuracyListMeter.key, AccuracyListMeter)
