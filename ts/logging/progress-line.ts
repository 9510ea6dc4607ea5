import { formatTimedelta, roundTo } from './format.ts'

/** A training step, for progress. Times in seconds. */
export interface StepReport {
  readonly rank?: number
  /** Index of the train phase, from 0. */
  readonly epoch: number
  readonly epochs: number
  /** Step of the epoch, from 1. */
  readonly step: number
  readonly stepsPerEpoch: number
  /** Step of the whole run, from 1. */
  readonly iteration: number
  readonly maxIteration: number
  /** Mean over all processes. */
  readonly loss: number
  /** Learning rate of each parameter group. */
  readonly lr: readonly number[]
  /** Images that all processes took in together, views not counted. */
  readonly images: number
  /** How long the step took, waiting for data included. */
  readonly stepTime: number
  /** How long of it was spent waiting for data. */
  readonly dataTime: number
  /** Most GPU memory used, MiB; −1 without a GPU. */
  readonly peakMemory?: number
}

/** Whether VISSL prints a line at an iteration (from 1): the first, every `frequency`-th, and every 5th to 100. */
export function isLineDue(iteration: number, frequency: number): boolean {
  return iteration === 1 || iteration % frequency === 0 || (iteration <= 100 && iteration % 5 === 0)
}

/**
 * VISSL's progress line.
 *
 * @param meanTime mean time of all steps so far, seconds
 * @param rolling mean time of the last `count` steps, where ROLLING_BTIME_FREQ asks for it
 */
export function progressLine(
  report: StepReport,
  meanTime: number,
  rolling?: { readonly count: number; readonly meanTime: number },
): string {
  const rates = [...new Set(report.lr.map((rate) => roundTo(rate, 5)))]
  const left = report.maxIteration - report.iteration
  const line = [
    `Rank: ${report.rank ?? 0}`,
    `[ep: ${report.epoch}] iter: ${report.iteration}`,
    `lr: ${rates.length === 1 ? rates[0] : `[${rates.join(', ')}]`}`,
    `loss: ${roundTo(report.loss, 5)}`,
    `btime(ms): ${Math.trunc(meanTime * 1000)}`,
    `eta: ${formatTimedelta(meanTime * left)}`,
    `peak_mem: ${Math.trunc(report.peakMemory ?? -1)}M`,
  ]
  if (rolling !== undefined) {
    line.push(`btime(${rolling.count}iters): ${Math.trunc(rolling.meanTime * 1000)} ms`)
    line.push(`rolling_eta: ${formatTimedelta(rolling.meanTime * left)}`)
  }
  return line.join('; ')
}
