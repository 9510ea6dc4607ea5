import type { z } from 'zod'
import { nadamParams } from '../config/schema/optimizers.ts'
import { internal, type Parameter, type Tensor } from '../engine/index.ts'
import { decayed } from './decay.ts'
import { moments } from './moments.ts'
import { Optimizer, type ParamGroup, type ParamGroupInput } from './optimizer.ts'
import { optimizers } from './registry.ts'

/** Adam with Nesterov momentum (Dozat 2016). */
export class NAdam extends Optimizer {
  static readonly key = 'nadam'
  static readonly params = nadamParams

  protected override readonly stateNames = ['step', 'mu_product', 'exp_avg', 'exp_avg_sq']
  readonly #settings: z.output<typeof nadamParams>

  constructor(groups: readonly ParamGroupInput[], params: z.input<typeof nadamParams> = {}) {
    const settings = nadamParams.parse(params)
    super(groups, settings)
    this.#settings = settings
  }

  protected override update(group: ParamGroup, params: readonly Parameter[], grads: readonly Tensor[]): void {
    const { betas, eps, momentum_decay } = this.#settings
    const gradients = decayed(group, params, grads)
    const [means, squares] = moments(this.memory, params, gradients, betas)
    const rates = params.map((param) => {
      const step = this.memory.count(param)
      const momentumAt = (t: number) => betas[0] * (1 - 0.5 * 0.96 ** (t * momentum_decay))
      const [now, next] = [momentumAt(step), momentumAt(step + 1)]
      const product = this.memory.number(param, 'mu_product', 1) * now
      this.memory.setNumber(param, 'mu_product', product)
      return {
        correction: 1 - betas[1] ** step,
        gradient: (-group.lr * (1 - now)) / (1 - product),
        mean: (-group.lr * next) / (1 - product * next),
      }
    })
    const divisors = internal._foreach_div(
      squares,
      rates.map(({ correction }) => correction),
    )
    internal._foreach_sqrt_(divisors)
    internal._foreach_add_(divisors, eps)
    internal._foreach_addcdiv_(
      params,
      gradients,
      divisors,
      rates.map(({ gradient }) => gradient),
    )
    internal._foreach_addcdiv_(
      params,
      means,
      divisors,
      rates.map(({ mean }) => mean),
    )
  }

  protected override settings(group: ParamGroup): Record<string, unknown> {
    return { ...this.#settings, lr: group.lr, weight_decay: group.weightDecay }
  }
}

optimizers.register(NAdam.key, NAdam)
