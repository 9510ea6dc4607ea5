import type { Config, Tree } from '../config/index.ts'
import { buildScheduler, type Schedule, type ScheduleParams } from '../optim/schedules/index.ts'

/** The two learning-rate schedules of a configuration. */
export interface Schedules {
  readonly lr: Schedule
  /** Absent where heads follow the trunk. */
  readonly lr_head: Schedule | undefined
  readonly epochs: number
}

/**
 * Builds the schedules of an inferred tree, as training does.
 *
 * @throws VisslError for unknown names and impossible parameters
 */
export function schedulesOf(tree: Tree): Schedules {
  const { OPTIMIZER: optimizer } = tree.config as unknown as Config
  const { num_epochs: epochs, head_optimizer_params: head } = optimizer
  const { lr, lr_head } = optimizer.param_schedulers as Record<'lr' | 'lr_head', ScheduleParams>
  return {
    lr: buildScheduler(lr, epochs),
    lr_head: head.use_different_lr ? buildScheduler(lr_head, epochs) : undefined,
    epochs,
  }
}
