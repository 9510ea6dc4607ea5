import { ExitCode, VisslError } from '../../errors.ts'
import { parseParams } from '../../nn/params.ts'
import { type Schedule, type ScheduleContext, schedulers, updateIntervalSchema } from './schedule.ts'

/** A schedule's block of configuration, as under `OPTIMIZER.param_schedulers.lr`. */
export interface ScheduleParams {
  readonly name: string
  readonly [key: string]: unknown
}

/** The function alone, without an update interval: what a composite's children are. */
export function createSchedule(params: ScheduleParams, context: ScheduleContext): (where: number) => number {
  const kind = schedulers.get(params.name)
  return kind.create(parseParams(`schedule "${params.name}"`, kind.params, params), context)
}

/**
 * Builds a schedule from its configuration.
 *
 * @param params `name` picks the kind, `update_interval` (`step` or `epoch`) when it is evaluated
 * @param numEpochs number of training epochs
 * @throws VisslError for an unknown name, a missing or impossible parameter
 */
export function buildScheduler(params: ScheduleParams, numEpochs: number): Schedule {
  const at = createSchedule(params, { numEpochs })
  const interval = params.update_interval ?? schedulers.get(params.name).defaultInterval
  const updateInterval = updateIntervalSchema.safeParse(interval)
  if (!updateInterval.success) {
    throw new VisslError(
      ExitCode.usage,
      `schedule "${params.name}": update_interval is "${String(interval)}"`,
      'it must be step or epoch',
    )
  }
  return { updateInterval: updateInterval.data, at }
}
