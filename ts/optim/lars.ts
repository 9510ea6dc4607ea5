import type { z } from 'zod'
import { larsParams } from '../config/schema/optimizers.ts'
import { internal, type Parameter, type Tensor } from '../engine/index.ts'
import { norms } from './norms.ts'
import { Optimizer, type ParamGroup, type ParamGroupInput } from './optimizer.ts'
import { optimizers } from './registry.ts'

/**
 * Layer-wise adaptive rate scaling (You et al. 2017, arXiv:1708.03888, algorithm 1): each parameter p with gradient g
 * has the local rate λ = trust·‖p‖ / (‖g‖ + wd·‖p‖ + eps), and v ← m·v + lr·λ·(g + wd·p); p ← p − v. The schedule's
 * rate is inside the momentum, unlike in SGD under LARC. λ is 1 where ‖p‖ or ‖g‖ is zero.
 */
export class Lars extends Optimizer {
  static readonly key = 'lars'
  static readonly params = larsParams

  protected override readonly stateNames = ['momentum_buffer']
  readonly #settings: z.output<typeof larsParams>

  constructor(groups: readonly ParamGroupInput[], params: z.input<typeof larsParams> = {}) {
    const settings = larsParams.parse(params)
    super(groups, settings)
    this.#settings = settings
  }

  protected override update(group: ParamGroup, params: readonly Parameter[], grads: readonly Tensor[]): void {
    const { momentum, trust_coefficient: trust, eps, skip_vectors } = this.#settings
    const buffers = this.memory.tensors(params, 'momentum_buffer')
    const [weights, gradients] = [norms(params), norms(grads)]
    internal._foreach_mul_(buffers, momentum)
    for (const [i, param] of params.entries()) {
      const plain = skip_vectors && param.shape.length <= 1
      const decay = plain ? 0 : group.weightDecay
      const [weight, gradient] = [weights[i]!, gradients[i]!]
      const local =
        plain || weight === 0 || gradient === 0 ? 1 : (trust * weight) / (gradient + decay * weight + eps)
      buffers[i]!.add_(grads[i]!, { alpha: group.lr * local })
      if (decay > 0) buffers[i]!.add_(param, { alpha: group.lr * local * decay })
    }
    internal._foreach_sub_(params, buffers)
  }

  protected override settings(group: ParamGroup): Record<string, unknown> {
    return { ...this.#settings, lr: group.lr, weight_decay: group.weightDecay }
  }
}

optimizers.register(Lars.key, Lars)
