import { ExitCode, VisslError } from '../errors.ts'
import { type Module, parseParams } from '../nn/index.ts'
import { Larc, larcParams } from './larc.ts'
import type { Optimizer } from './optimizer.ts'
import { paramGroupParams, paramGroups } from './param-groups.ts'
import { optimizers } from './registry.ts'

/** The `OPTIMIZER` block of the configuration. */
export interface OptimizerConfig {
  readonly name: string
  readonly use_larc?: boolean
  readonly larc_config?: unknown
  readonly [key: string]: unknown
}

/** What trains a model: an optimizer, alone or under LARC. */
export type AnyOptimizer = Optimizer | Larc

/**
 * Builds the optimizer over a model's parameter groups. Learning rates are whatever the kind's default is until
 * `LearningRates` sets them.
 *
 * @throws VisslError for an unknown name, parameters that do not fit, or LARC with anything but SGD
 */
export function buildOptimizer(config: OptimizerConfig, model: Module): AnyOptimizer {
  const kind = optimizers.get(config.name)
  const what = `optimizer "${config.name}"`
  const groups = paramGroups(model, parseParams(what, paramGroupParams, config))
  const optimizer = new kind(groups, parseParams(what, kind.params, config))
  if (config.use_larc !== true) return optimizer
  if (config.name !== 'sgd') {
    throw new VisslError(
      ExitCode.usage,
      `OPTIMIZER.use_larc works with sgd, OPTIMIZER.name is "${config.name}"`,
      'set OPTIMIZER.name to sgd or OPTIMIZER.use_larc to false',
    )
  }
  return new Larc(optimizer, parseParams('OPTIMIZER.larc_config', larcParams, config.larc_config))
}
