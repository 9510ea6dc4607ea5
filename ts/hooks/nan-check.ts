import { ExitCode, VisslError } from '../errors.ts'
import type { Hook } from '../train/hook.ts'

/** Ends a run whose loss became NaN or infinite, before the update that would spread it. */
export class NanCheckHook implements Hook {
  readonly name = 'nan-check'

  onLossAndMeter(task: Parameters<NonNullable<Hook['onLossAndMeter']>>[0]): void {
    const { loss } = task.step
    if (Number.isFinite(loss)) return
    const saved = task.lastCheckpoint
    throw new VisslError(
      ExitCode.nonFinite,
      `the loss became ${loss} at step ${task.iteration}; nothing was updated with it`,
      `lower the learning rate or raise the temperature${saved === undefined ? '' : `; the last good checkpoint is ${saved}`}`,
    )
  }
}
