import type { z } from 'zod'
import { radamParams } from '../config/schema/optimizers.ts'
import type { Parameter, Tensor } from '../engine/index.ts'
import { decayed } from './decay.ts'
import { moments } from './moments.ts'
import { Optimizer, type ParamGroup, type ParamGroupInput } from './optimizer.ts'
import { optimizers } from './registry.ts'

/** Adam whose first steps wait until the second moment can be trusted (Liu et al. 2020, arXiv:1908.03265). */
export class RAdam extends Optimizer {
  static readonly key = 'radam'
  static readonly params = radamParams

  protected override readonly stateNames = ['step', 'exp_avg', 'exp_avg_sq']
  readonly #settings: z.output<typeof radamParams>

  constructor(groups: readonly ParamGroupInput[], params: z.input<typeof radamParams> = {}) {
    const settings = radamParams.parse(params)
    super(groups, settings)
    this.#settings = settings
  }

  protected override update(group: ParamGroup, params: readonly Parameter[], grads: readonly Tensor[]): void {
    const { betas, eps } = this.#settings
    const [means, squares] = moments(this.memory, params, decayed(group, params, grads), betas)
    const limit = 2 / (1 - betas[1]) - 1
    for (const [i, param] of params.entries()) {
      const step = this.memory.count(param)
      const rate = group.lr / (1 - betas[0] ** step)
      const correction = 1 - betas[1] ** step
      // Length of the simple moving average that the running mean amounts to.
      const length = limit - (2 * step * betas[1] ** step) / correction
      if (length <= 5) {
        param.add_(means[i]!, { alpha: -rate })
        continue
      }
      const rectified = Math.sqrt(
        ((length - 4) * (length - 2) * limit) / ((limit - 4) * (limit - 2) * length),
      )
      const divisor = squares[i]!.sqrt().add_(eps)
      param.addcdiv_(means[i]!, divisor, { value: -rate * rectified * Math.sqrt(correction) })
    }
  }

  protected override settings(group: ParamGroup): Record<string, unknown> {
    return { ...this.#settings, lr: group.lr, weight_decay: group.weightDecay }
  }
}

optimizers.register(RAdam.key, RAdam)
