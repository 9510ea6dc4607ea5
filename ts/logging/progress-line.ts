import { formatTimedelta, roundTo } from './format.ts'
import type { Metric } from './metrics.ts'

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
  /** Mean time of all batches so far, test batches among them. */
  readonly meanTime: number
  /** Mean time of the last `count` batches, where ROLLING_BTIME_FREQ asks for it and there are as many. */
  readonly rolling?: { readonly count: number; readonly meanTime: number } | undefined
  /** Most GPU memory used, MiB; −1 without a GPU. */
  readonly peakMemory?: number
}

/** Whether VISSL prints a line at an iteration (from 1): the first, every `frequency`-th, and every 5th to 100. */
export function isLineDue(iteration: number, frequency: number): boolean {
  return iteration === 1 || iteration % frequency === 0 || (iteration <= 100 && iteration % 5 === 0)
}

/** VISSL's progress line. */
export function progressLine(report: StepReport): string {
  const { Rank, ep, iter, lr, loss, ...rest } = progressRecord(report)
  const head = [`Rank: ${Rank}`, `[ep: ${ep}] iter: ${iter}`]
  const rates = Array.isArray(lr) ? `[${lr.join(', ')}]` : lr
  const line = [
    ...head,
    `lr: ${rates}`,
    `loss: ${loss}`,
    `btime(ms): ${rest['btime(ms)']}`,
    `eta: ${rest.eta}`,
    `peak_mem: ${rest['peak_mem(M)']}M`,
  ]
  if (report.rolling !== undefined) {
    const { count } = report.rolling
    line.push(
      `btime(${count}iters): ${rest[`btime(${count}iters)(ms)`]} ms`,
      `rolling_eta: ${rest.rolling_eta}`,
    )
  }
  return line.join('; ')
}

/** The line as a map, as `stdout.json` holds it. */
export function progressRecord(report: StepReport): Record<string, Metric> {
  const rates = [...new Set(report.lr.map((rate) => roundTo(rate, 5)))]
  const left = report.maxIteration - report.iteration
  const { meanTime, rolling } = report
  return {
    Rank: report.rank ?? 0,
    ep: report.epoch,
    iter: report.iteration,
    lr: rates.length === 1 ? rates[0]! : rates,
    loss: roundTo(report.loss, 5),
    'btime(ms)': Math.trunc(meanTime * 1000),
    eta: formatTimedelta(meanTime * left),
    'peak_mem(M)': Math.trunc(report.peakMemory ?? -1),
    ...(report.iteration === 1 ? { max_iterations: report.maxIteration } : {}),
    ...(rolling === undefined
      ? {}
      : {
          [`btime(${rolling.count}iters)(ms)`]: Math.trunc(rolling.meanTime * 1000),
          rolling_eta: formatTimedelta(rolling.meanTime * left),
        }),
  }
}
