import type { z } from 'zod'
import { adagradParams } from '../config/schema/optimizers.ts'
import { internal, ops, type Parameter, type Tensor } from '../engine/index.ts'
import { decayed } from './decay.ts'
import { Optimizer, type ParamGroup, type ParamGroupInput } from './optimizer.ts'
import { optimizers } from './registry.ts'

/** Rates that fall with the sum of squared gradients (Duchi et al. 2011). */
export class Adagrad extends Optimizer {
  static readonly key = 'adagrad'
  static readonly params = adagradParams

  protected override readonly stateNames = ['step', 'sum']
  readonly #settings: z.output<typeof adagradParams>

  constructor(groups: readonly ParamGroupInput[], params: z.input<typeof adagradParams> = {}) {
    const settings = adagradParams.parse(params)
    super(groups, settings)
    this.#settings = settings
  }

  protected override update(group: ParamGroup, params: readonly Parameter[], grads: readonly Tensor[]): void {
    const { lr_decay, eps, fused, initial_accumulator_value } = this.#settings
    const sums = this.memory.tensors(params, 'sum', initial_accumulator_value)
    const steps = params.map((param) => this.memory.count(param))
    if (fused) {
      const stepTensors = steps.map((step, i) =>
        ops.full([], step, { dtype: 'float32', device: params[i]!.device }),
      )
      const settings = { lr: group.lr, lr_decay, weight_decay: group.weightDecay, eps, maximize: false }
      internal._fused_adagrad_(params, grads, sums, stepTensors, settings)
      return
    }
    const gradients = decayed(group, params, grads)
    internal._foreach_addcmul_(sums, gradients, gradients, 1)
    const divisors = internal._foreach_sqrt(sums)
    internal._foreach_add_(divisors, eps)
    const rates = steps.map((step) => -group.lr / (1 + (step - 1) * lr_decay))
    internal._foreach_addcdiv_(params, gradients, divisors, rates)
  }

  protected override settings(group: ParamGroup): Record<string, unknown> {
    const { fused: _, ...settings } = this.#settings
    return { ...settings, lr: group.lr, weight_decay: group.weightDecay }
  }
}

optimizers.register(Adagrad.key, Adagrad)
