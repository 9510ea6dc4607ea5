import { z } from 'zod'
import { Registry } from '../../registry.ts'

/** When a schedule is evaluated: before every optimizer step, or at the start of every training epoch. */
export type UpdateInterval = 'step' | 'epoch'

/** What a schedule may ask of the run it belongs to. */
export interface ScheduleContext {
  /** Number of training epochs (`OPTIMIZER.num_epochs`). */
  readonly numEpochs: number
}

/** A number as a function of training progress, usually a learning rate. */
export interface Schedule {
  readonly updateInterval: UpdateInterval

  /**
   * @param where progress through training: 0 at the start, towards 1 at the end
   * @returns the value there
   */
  at(where: number): number
}

/**
 * A registrable kind of schedule. `key` is the `name` in the configuration, `params` its schema (keys of other
 * kinds are ignored, since configuration blocks carry the defaults of all kinds).
 */
export interface ScheduleClass<S extends z.ZodType = z.ZodType> {
  readonly key: string
  readonly params: S
  /** Used where the configuration gives no `update_interval`. */
  readonly defaultInterval: UpdateInterval
  create(params: z.output<S>, context: ScheduleContext): (where: number) => number
}

/** Kinds of schedules by name. */
export const schedulers = new Registry<ScheduleClass>('scheduler')

/** Slack that keeps `epoch / numEpochs` from falling just below a milestone. */
export const SLACK = 1e-6

/** Types and registers a kind of schedule. */
export function defineSchedule<S extends z.ZodType>(definition: ScheduleClass<S>): ScheduleClass<S> {
  schedulers.register(definition.key, definition as unknown as ScheduleClass)
  return definition
}

export const updateIntervalSchema = z.enum(['step', 'epoch'])
