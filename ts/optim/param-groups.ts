import type { z } from 'zod'
import { paramGroupParams } from '../config/schema/optimizers.ts'
import type { Parameter } from '../engine/index.ts'
import { ExitCode, VisslError } from '../errors.ts'
import { BatchNorm, Conv2d, Linear, type Module } from '../nn/index.ts'
import type { ParamGroupInput } from './optimizer.ts'

type Settings = z.output<typeof paramGroupParams>

/** Parameters of one part of a model. */
interface Part {
  readonly decayed: Parameter[]
  readonly plain: Parameter[]
}

/**
 * Sorts a model's trainable parameters into groups: trunk decayed, trunk not decayed, heads decayed, heads not
 * decayed (these four always, even when empty), and, where there are any, the parameters of other modules such as
 * group normalisation, decayed, and those of them that are named in `non_regularized_parameters`. Heads are the
 * modules whose name contains `head`.
 *
 * Groups of the heads follow the schedule `lr_head`, which the configuration makes a copy of `lr` unless
 * `use_different_lr` is set; likewise it copies `weight_decay` unless `use_different_wd` is set.
 *
 * Biases of the trunk's convolutions and linear layers are decayed unless `regularize_trunk_bias` is off.
 *
 * @throws VisslError when one group of all parameters is asked for together with rules that need several
 */
export function paramGroups(model: Module, params: z.input<typeof paramGroupParams> = {}): ParamGroupInput[] {
  const settings = paramGroupParams.parse(params)
  const { weight_decay, head_optimizer_params: head } = settings
  if (settings.construct_single_param_group_only) return [singleGroup(model, settings)]
  const parts = sortParameters(model, settings)
  const { trunk, heads, others } = parts
  moveUndecayed(model, settings.non_regularized_parameters, Object.values(parts))
  const headDecay = head.weight_decay ?? weight_decay
  const groups: ParamGroupInput[] = [
    { params: trunk.decayed, weightDecay: weight_decay, schedule: 'lr' },
    { params: trunk.plain, weightDecay: 0, schedule: 'lr' },
    { params: heads.decayed, weightDecay: headDecay, schedule: 'lr_head' },
    { params: heads.plain, weightDecay: 0, schedule: 'lr_head' },
  ]
  if (others.decayed.length > 0)
    groups.push({ params: others.decayed, weightDecay: weight_decay, schedule: 'lr' })
  if (others.plain.length > 0) groups.push({ params: others.plain, weightDecay: 0, schedule: 'lr' })
  return groups
}

function sortParameters(model: Module, settings: Settings): { trunk: Part; heads: Part; others: Part } {
  const { regularize_bn, regularize_bias, regularize_trunk_bias } = settings
  const trunk: Part = { decayed: [], plain: [] }
  const heads: Part = { decayed: [], plain: [] }
  const others: Part = { decayed: [], plain: [] }
  const seen = new Set<Parameter>()
  const add = (list: Parameter[], parameter: Parameter | null) => {
    if (parameter === null || seen.has(parameter) || !parameter.requiresGrad) return
    seen.add(parameter)
    list.push(parameter)
  }
  for (const [name, module] of model.namedModules()) {
    const isHead = name.includes('head')
    const { decayed, plain } = isHead ? heads : trunk
    if (module instanceof Linear || module instanceof Conv2d) {
      add(decayed, module.weight)
      add((isHead ? regularize_bias : regularize_trunk_bias) ? decayed : plain, module.bias)
    } else if (module instanceof BatchNorm) {
      add(regularize_bn ? decayed : plain, module.weight)
      add(regularize_bn && regularize_bias ? decayed : plain, module.bias)
    } else {
      for (const [, value] of module.ownTensors()) if (!('persistent' in value)) add(others.decayed, value)
    }
  }
  return { trunk, heads, others }
}

/** Moves parameters whose name contains one of `names` to the undecayed list of their part. */
function moveUndecayed(model: Module, names: readonly string[], parts: readonly Part[]): void {
  if (names.length === 0) return
  const named = new Set<Parameter>()
  for (const [name, parameter] of model.namedParameters()) {
    if (names.some((part) => name.includes(part))) named.add(parameter)
  }
  for (const { decayed, plain } of parts) {
    const moved = decayed.filter((parameter) => named.has(parameter))
    if (moved.length === 0) continue
    plain.push(...moved)
    decayed.splice(0, decayed.length, ...decayed.filter((parameter) => !named.has(parameter)))
  }
}

function singleGroup(model: Module, settings: Settings): ParamGroupInput {
  const { use_different_lr, use_different_wd } = settings.head_optimizer_params
  const conflicts = [
    ...(use_different_lr ? ['head_optimizer_params.use_different_lr'] : []),
    ...(use_different_wd ? ['head_optimizer_params.use_different_wd'] : []),
    ...(settings.non_regularized_parameters.length > 0 ? ['non_regularized_parameters'] : []),
  ]
  if (conflicts.length > 0) {
    throw new VisslError(
      ExitCode.usage,
      `OPTIMIZER.construct_single_param_group_only does not go with ${conflicts.join(' and ')}`,
      'set config.OPTIMIZER.construct_single_param_group_only=false',
    )
  }
  const params = model.parameters().filter((parameter) => parameter.requiresGrad)
  return { params: [...new Set(params)], weightDecay: settings.weight_decay, schedule: 'lr' }
}
