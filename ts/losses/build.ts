import { ExitCode, VisslError } from '../errors.ts'
import { type Loss, type LossContext, losses } from './loss.ts'

/** The `LOSS` block of the configuration: a name and one block of parameters for each loss. */
export interface LossConfig {
  readonly name: string
  readonly [key: string]: unknown
}

/**
 * Builds the loss that `LOSS.name` asks for with the parameters in `LOSS.<name>`.
 *
 * @param context what is known of the run: parameters named `num_train_samples` become its number of images, and the
 * loss checks whether it can work
 * @throws VisslError for an unknown name, for parameters that do not fit, and for a run that does not fit the loss
 */
export function buildLoss(config: LossConfig, context?: LossContext): Loss {
  const kind = losses.get(config.name)
  const params = config[config.name]
  if (params !== undefined && (typeof params !== 'object' || params === null || Array.isArray(params))) {
    throw new VisslError(ExitCode.usage, `LOSS.${config.name} must be a block of parameters`)
  }
  const counted = context !== undefined && params !== undefined && 'num_train_samples' in params
  const loss = new kind(counted ? { ...params, num_train_samples: context.samples } : params)
  if (context !== undefined) loss.check?.(context)
  return loss
}
