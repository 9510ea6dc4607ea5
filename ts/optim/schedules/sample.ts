import { ExitCode, VisslError } from '../../errors.ts'
import { buildScheduler, type ScheduleParams } from './build.ts'

/** A schedule's value at one step of training. */
export interface ScheduleSample {
  /** Optimizer steps before this one. */
  readonly step: number
  /** Training epochs before this step, with their fraction. */
  readonly epoch: number
  readonly value: number
}

/**
 * The values that a schedule gives the steps of a training run: at every step, or with `update_interval: epoch` that
 * of the epoch's first step.
 *
 * @param epochs training epochs
 * @param stepsPerEpoch optimizer steps of an epoch
 * @param points how many steps to look at, evenly spread, first and last among them; all unless given
 * @throws VisslError for parameters that do not fit, or counts below 1
 */
export function sampleSchedule(
  params: ScheduleParams,
  epochs: number,
  stepsPerEpoch: number,
  points = Number.POSITIVE_INFINITY,
): ScheduleSample[] {
  for (const [what, count] of Object.entries({ epochs, 'steps of an epoch': stepsPerEpoch, points })) {
    if (count >= 1 && (Number.isInteger(count) || count === Number.POSITIVE_INFINITY)) continue
    throw new VisslError(
      ExitCode.usage,
      `a schedule cannot be drawn for ${count} ${what}`,
      'give a whole number of at least 1',
    )
  }
  const { updateInterval, at } = buildScheduler(params, epochs)
  const steps = epochs * stepsPerEpoch
  const count = Math.min(points, steps)
  return Array.from({ length: count }, (_, i) => {
    const step = count === 1 ? 0 : Math.round((i * (steps - 1)) / (count - 1))
    const evaluated = updateInterval === 'step' ? step : step - (step % stepsPerEpoch)
    return { step, epoch: step / stepsPerEpoch, value: at(evaluated / steps) }
  })
}
