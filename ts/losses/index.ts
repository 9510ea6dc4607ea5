import './cross-entropy.ts'
import './simclr.ts'
import { ExitCode, VisslError } from '../errors.ts'
import { type Loss, losses } from './loss.ts'

export { CrossEntropyLoss } from './cross-entropy.ts'
export { Loss, type LossClass, losses } from './loss.ts'
export { SimclrInfoNceLoss, type SimclrInfoNceParams } from './simclr.ts'

/** The `LOSS` block of the configuration: a name and one block of parameters for each loss. */
export interface LossConfig {
  readonly name: string
  readonly [key: string]: unknown
}

/**
 * Builds the loss that `LOSS.name` asks for with the parameters in `LOSS.<name>`.
 *
 * @throws VisslError for an unknown name and for parameters that do not fit
 */
export function buildLoss(config: LossConfig): Loss {
  const kind = losses.get(config.name)
  const params = config[config.name]
  if (params !== undefined && (typeof params !== 'object' || params === null)) {
    throw new VisslError(ExitCode.usage, `LOSS.${config.name} must be a block of parameters`)
  }
  return new kind(params)
}
