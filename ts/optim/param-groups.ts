import { z } from 'zod'
import type { Parameter } from '../engine/index.ts'
import { BatchNorm, Conv2d, Linear, type Module } from '../nn/index.ts'
import type { ParamGroupInput } from './optimizer.ts'

/** The keys of the `OPTIMIZER` block that decide about parameter groups. */
export const paramGroupParams = z.object({
  weight_decay: z.number().min(0).default(1e-4).describe('L2 penalty'),
  regularize_bn: z.boolean().default(false).describe('decay scale and offset of batch normalisation'),
  regularize_bias: z.boolean().default(true).describe('decay biases of the heads'),
  head_optimizer_params: z
    .object({
      weight_decay: z
        .number()
        .min(0)
        .optional()
        .describe('weight decay of the heads; the trunk’s unless given'),
    })
    .prefault({}),
})

/**
 * Sorts a model's trainable parameters into groups: trunk decayed, trunk not decayed, heads decayed, heads not
 * decayed (these four always, even when empty), and, where there are any, the parameters of other modules such as
 * group normalisation, which are decayed. Heads are the modules whose name contains `head`.
 *
 * Groups of the heads follow the schedule `lr_head`, which the configuration makes a copy of `lr` unless
 * `use_different_lr` is set; likewise it copies `weight_decay` unless `use_different_wd` is set.
 *
 * Biases of the trunk's convolutions and linear layers are always decayed, as in VISSL 0.1.5.
 */
export function paramGroups(model: Module, params: z.input<typeof paramGroupParams> = {}): ParamGroupInput[] {
  const { weight_decay, regularize_bn, regularize_bias, head_optimizer_params } =
    paramGroupParams.parse(params)
  const lists = { trunk: [[], []], head: [[], []] } as Record<'trunk' | 'head', [Parameter[], Parameter[]]>
  const remaining: Parameter[] = []
  const seen = new Set<Parameter>()
  const add = (list: Parameter[], parameter: Parameter | null) => {
    if (parameter === null || seen.has(parameter) || !parameter.requiresGrad) return
    seen.add(parameter)
    list.push(parameter)
  }
  for (const [name, module] of model.namedModules()) {
    const isHead = name.includes('head')
    const [decayed, plain] = lists[isHead ? 'head' : 'trunk']
    if (module instanceof Linear || module instanceof Conv2d) {
      add(decayed, module.weight)
      add(isHead && !regularize_bias ? plain : decayed, module.bias)
    } else if (module instanceof BatchNorm) {
      add(regularize_bn ? decayed : plain, module.weight)
      add(regularize_bn && regularize_bias ? decayed : plain, module.bias)
    } else {
      for (const [, value] of module.ownTensors()) {
        if ('persistent' in value) continue
        add(remaining, value)
      }
    }
  }
  const headDecay = head_optimizer_params.weight_decay ?? weight_decay
  const groups: ParamGroupInput[] = [
    { params: lists.trunk[0], weightDecay: weight_decay, schedule: 'lr' },
    { params: lists.trunk[1], weightDecay: 0, schedule: 'lr' },
    { params: lists.head[0], weightDecay: headDecay, schedule: 'lr_head' },
    { params: lists.head[1], weightDecay: 0, schedule: 'lr_head' },
  ]
  if (remaining.length > 0) groups.push({ params: remaining, weightDecay: weight_decay, schedule: 'lr' })
  return groups
}
