import type { z } from 'zod'
import { adamaxParams } from '../config/schema/optimizers.ts'
import { internal, type Parameter, type Tensor } from '../engine/index.ts'
import { decayed } from './decay.ts'
import { Optimizer, type ParamGroup, type ParamGroupInput } from './optimizer.ts'
import { optimizers } from './registry.ts'

/** Adam with the largest gradient in place of the second moment (Kingma & Ba 2015, arXiv:1412.6980, section 7). */
export class Adamax extends Optimizer {
  static readonly key = 'adamax'
  static readonly params = adamaxParams

  protected override readonly stateNames = ['step', 'exp_avg', 'exp_inf']
  readonly #settings: z.output<typeof adamaxParams>

  constructor(groups: readonly ParamGroupInput[], params: z.input<typeof adamaxParams> = {}) {
    const settings = adamaxParams.parse(params)
    super(groups, settings)
    this.#settings = settings
  }

  protected override update(group: ParamGroup, params: readonly Parameter[], grads: readonly Tensor[]): void {
    const { betas, eps } = this.#settings
    const gradients = decayed(group, params, grads)
    const means = this.memory.tensors(params, 'exp_avg')
    const largest = this.memory.tensors(params, 'exp_inf')
    internal._foreach_lerp_(means, gradients, 1 - betas[0])
    const sizes = internal._foreach_abs(gradients)
    internal._foreach_add_(sizes, eps)
    internal._foreach_mul_(largest, betas[1])
    internal._foreach_maximum_(largest, sizes)
    const rates = params.map((param) => -group.lr / (1 - betas[0] ** this.memory.count(param)))
    internal._foreach_addcdiv_(params, means, largest, rates)
  }

  protected override settings(group: ParamGroup): Record<string, unknown> {
    return { ...this.#settings, lr: group.lr, weight_decay: group.weightDecay }
  }
}

optimizers.register(Adamax.key, Adamax)
