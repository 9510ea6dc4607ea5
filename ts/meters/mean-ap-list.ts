import { z } from 'zod'
import { noGrad, scope, type Tensor, tensor } from '../engine/index.ts'
import { ExitCode, VisslError } from '../errors.ts'
import { parseParams } from '../nn/params.ts'
import { averagePrecision } from './average-precision.ts'
import { gatherFromProcesses } from './collect.ts'
import { type Meter, type MeterState, type MeterValue, meters } from './meter.ts'
import { Outputs, outputParams } from './outputs.ts'
import { percent } from './round.ts'

const meanApParams = z.object({
  ...outputParams,
  num_classes: z.number().int().positive().default(9605).describe('number of classes'),
  max_cpu_capacity: z
    .number()
    .int()
    .min(-1)
    .default(-1)
    .describe('without effect: room for samples grows as needed'),
})

/** Scores and labels of one output, N×C each, row after row. */
interface Samples {
  readonly scores: number[]
  readonly labels: number[]
}

/**
 * Mean average precision of each output, for images of several classes.
 *
 * Outputs are N×C scores before the sigmoid; targets are N×C: 1 where an image is of the class, 0 where not, −1 where
 * that is not known. The value has `mAP` in percent, the mean over the classes that have a positive sample (NaN where
 * there is none), and `AP` of every class in [0, 1], −1 without positives.
 */
export class MeanApListMeter implements Meter {
  static readonly key = 'mean_ap_list_meter'
  static readonly params = meanApParams

  readonly name = MeanApListMeter.key
  readonly #classes: number
  readonly #outputs: Outputs
  #synced: Samples[] = []
  #own: Samples[] = []

  constructor(params: unknown = {}) {
    const settings = parseParams(`meter "${MeanApListMeter.key}"`, meanApParams, params)
    this.#classes = settings.num_classes
    this.#outputs = new Outputs(MeanApListMeter.key, settings)
    this.reset()
  }

  update(outputs: readonly Tensor[], target: Tensor): void {
    this.#outputs.check(outputs)
    const [rows, classes] = target.shape
    if (target.shape.length !== 2 || classes !== this.#classes) {
      throw badTarget(
        `has shape ${target.shape.join('×')}, with num_classes ${this.#classes} it must be N×${this.#classes}`,
      )
    }
    const labels = Array.from(target.toTypedArray(), Number)
    const wrong = labels.find((label) => label !== 0 && label !== 1 && label !== -1)
    if (wrong !== undefined) throw badTarget(`holds ${wrong}, it may hold 1, 0 and −1`)
    noGrad(() =>
      scope(() => {
        for (const [i, output] of outputs.entries()) {
          if (output.shape.length !== 2 || output.shape[0] !== rows || output.shape[1] !== classes) {
            throw this.#outputs.unfit(i, output, `the target has ${rows}×${classes}`)
          }
        }
        for (const [i, output] of outputs.entries()) {
          const own = this.#own[i]!
          for (const score of output.to('float32').sigmoid().toTypedArray()) own.scores.push(Number(score))
          for (const label of labels) own.labels.push(label)
        }
      }),
    )
  }

  sync(): void {
    for (const [i, { scores, labels }] of this.#own.entries()) {
      const synced = this.#synced[i]!
      for (const score of gatherFromProcesses(scores)) synced.scores.push(score)
      for (const label of gatherFromProcesses(labels)) synced.labels.push(label)
    }
    this.#own = this.#nothing()
  }

  value(): MeterValue {
    const mAP: MeterValue[string] = {}
    const AP: MeterValue[string] = {}
    for (let i = 0; i < this.#outputs.count; i++) {
      const name = this.#outputs.name(i)
      const precisions = this.#precisions(i)
      const mean = percent(meanOfKnown(precisions))
      const before = mAP[name]
      if (before === undefined) {
        mAP[name] = mean
        AP[name] = precisions
      } else {
        mAP[name] = [before, mean].flat() as number[]
        ;(AP[name] as (number | number[])[]).push(precisions)
      }
    }
    return { mAP, AP }
  }

  /** Of each class; −1 without positives. */
  #precisions(output: number): number[] {
    const [synced, own] = [this.#synced[output]!, this.#own[output]!]
    const scores = [...synced.scores, ...own.scores]
    const labels = [...synced.labels, ...own.labels]
    const column = (values: readonly number[], c: number) =>
      Float32Array.from(
        { length: values.length / this.#classes },
        (_, row) => values[row * this.#classes + c]!,
      )
    return Array.from({ length: this.#classes }, (_, c) => {
      const value = averagePrecision(column(scores, c), column(labels, c))
      return Number.isNaN(value) ? -1 : Math.fround(value)
    })
  }

  reset(): void {
    this.#synced = this.#nothing()
    this.#own = this.#nothing()
  }

  stateDict(): MeterState {
    const state: MeterState = {}
    for (const [kind, samples] of [
      ['synced', this.#synced],
      ['own', this.#own],
    ] as const) {
      for (const [i, { scores, labels }] of samples.entries()) {
        state[`${kind}_scores_${i}`] = [...scores]
        state[`${kind}_labels_${i}`] = [...labels]
      }
    }
    return state
  }

  loadStateDict(state: Readonly<MeterState>): void {
    const read = (kind: string) =>
      this.#nothing().map((_, i) => ({
        scores: [...(state[`${kind}_scores_${i}`] ?? [])],
        labels: [...(state[`${kind}_labels_${i}`] ?? [])],
      }))
    this.#synced = read('synced')
    this.#own = read('own')
  }

  #nothing(): Samples[] {
    return Array.from({ length: this.#outputs.count }, () => ({ scores: [], labels: [] }))
  }
}

/** In float32, as PyTorch has it. */
function meanOfKnown(precisions: readonly number[]): number {
  const known = precisions.filter((value) => value !== -1)
  if (known.length === 0) return Number.NaN
  return scope(() => tensor(known).mean().item())
}

function badTarget(problem: string): VisslError {
  return new VisslError(
    ExitCode.data,
    `mean_ap_list_meter: the target ${problem}`,
    'use labels of several classes, or accuracy_list_meter for one class an image',
  )
}

meters.register(MeanApListMeter.key, MeanApListMeter)
