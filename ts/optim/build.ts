import { larcParams, paramGroupParams } from '../config/schema/optimizers.ts'
import { worldGroup } from '../distributed/index.ts'
import { ExitCode, VisslError } from '../errors.ts'
import { type Module, parseParams } from '../nn/index.ts'
import { Larc } from './larc.ts'
import type { AnyOptimizer, ParamGroupInput } from './optimizer.ts'
import { paramGroups } from './param-groups.ts'
import { optimizers } from './registry.ts'
import { Zero } from './zero.ts'

/** The `OPTIMIZER` block of the configuration. */
export interface OptimizerConfig {
  readonly name: string
  readonly use_larc?: boolean
  readonly larc_config?: unknown
  /** With the name `zero`: the block of the optimizer whose state is divided among processes. */
  readonly base_optimizer?: unknown
  readonly [key: string]: unknown
}

/**
 * Builds the optimizer over a model's parameter groups. Learning rates are whatever the kind's default is until
 * `LearningRates` sets them.
 *
 * `zero` divides the state of its `base_optimizer` among the run's processes, see {@link Zero}; one process has it all.
 *
 * @throws VisslError for an unknown name, parameters that do not fit, or LARC with anything but SGD
 */
export function buildOptimizer(config: OptimizerConfig, model: Module): AnyOptimizer {
  const params = parseParams(`optimizer "${config.name}"`, paramGroupParams, config)
  return optimizerOf(config, paramGroups(model, params))
}

function optimizerOf(config: OptimizerConfig, groups: readonly ParamGroupInput[]): AnyOptimizer {
  if (config.name === 'zero') {
    const base = baseOf(config)
    if (worldGroup().size === 1) return optimizerOf(base, groups)
    return new Zero(groups, worldGroup(), (share) => optimizerOf(base, share))
  }
  const kind = optimizers.get(config.name)
  const optimizer = new kind(groups, parseParams(`optimizer "${config.name}"`, kind.params, config) as never)
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

function baseOf({ base_optimizer: base }: OptimizerConfig): OptimizerConfig {
  if (typeof base === 'object' && base !== null && 'name' in base && typeof base.name === 'string') {
    if (base.name !== 'zero') return base as OptimizerConfig
  }
  throw new VisslError(
    ExitCode.usage,
    'OPTIMIZER.name is "zero", and OPTIMIZER.base_optimizer names no other optimizer',
    'give for example OPTIMIZER.base_optimizer: {name: sgd, momentum: 0.9}',
  )
}
