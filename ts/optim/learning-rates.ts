import type { Schedule } from './schedules/index.ts'

/** What {@link LearningRates} drives: any optimizer's parameter groups. */
export interface ScheduledGroup {
  lr: number
  /** Which schedule the group follows; `lr` unless given. */
  readonly schedule?: 'lr' | 'lr_head' | undefined
}

/**
 * Keeps the learning rates of parameter groups on their schedules. Schedules that update by step are evaluated by
 * `beforeStep`, those that update by epoch by `beforeEpoch`; all of them once at the start of training.
 */
export class LearningRates {
  readonly #groups: readonly ScheduledGroup[]
  readonly #schedules: { readonly lr: Schedule; readonly lr_head: Schedule }

  /** Sets every group's rate for the very start of training. */
  constructor(
    groups: readonly ScheduledGroup[],
    schedules: { lr: Schedule; lr_head?: Schedule | undefined },
  ) {
    this.#groups = groups
    this.#schedules = { lr: schedules.lr, lr_head: schedules.lr_head ?? schedules.lr }
    this.#update(0, undefined)
  }

  /** @param where progress at the start of the epoch, in [0, 1) */
  beforeEpoch(where: number): void {
    if (where < 1) this.#update(where, 'epoch')
  }

  /** @param where progress before the step, in [0, 1) */
  beforeStep(where: number): void {
    this.#update(where, 'step')
  }

  #update(where: number, interval: 'step' | 'epoch' | undefined): void {
    const { lr, lr_head } = this.#schedules
    const base = interval === undefined || lr.updateInterval === interval ? lr.at(where) : undefined
    const head =
      lr_head === lr
        ? base
        : interval === undefined || lr_head.updateInterval === interval
          ? lr_head.at(where)
          : undefined
    for (const group of this.#groups) {
      const value = group.schedule === 'lr_head' ? head : base
      if (value !== undefined) group.lr = value
    }
  }
}
