import type { z } from 'zod'
import { adadeltaParams } from '../config/schema/optimizers.ts'
import { internal, type Parameter, type Tensor } from '../engine/index.ts'
import { decayed } from './decay.ts'
import { Optimizer, type ParamGroup, type ParamGroupInput } from './optimizer.ts'
import { optimizers } from './registry.ts'

/** Steps in the units of the parameters, without a global rate (Zeiler 2012, arXiv:1212.5701). */
export class Adadelta extends Optimizer {
  static readonly key = 'adadelta'
  static readonly params = adadeltaParams

  protected override readonly stateNames = ['step', 'square_avg', 'acc_delta']
  readonly #settings: z.output<typeof adadeltaParams>

  constructor(groups: readonly ParamGroupInput[], params: z.input<typeof adadeltaParams> = {}) {
    const settings = adadeltaParams.parse(params)
    super(groups, settings)
    this.#settings = settings
  }

  protected override update(group: ParamGroup, params: readonly Parameter[], grads: readonly Tensor[]): void {
    const { rho, eps } = this.#settings
    const gradients = decayed(group, params, grads)
    const squares = this.memory.tensors(params, 'square_avg')
    const deltas = this.memory.tensors(params, 'acc_delta')
    for (const param of params) this.memory.count(param)
    internal._foreach_mul_(squares, rho)
    internal._foreach_addcmul_(squares, gradients, gradients, 1 - rho)
    const rootsOf = (means: readonly Tensor[]) => {
      const roots = internal._foreach_add(means, eps)
      internal._foreach_sqrt_(roots)
      return roots
    }
    const steps = rootsOf(deltas)
    internal._foreach_div_(steps, rootsOf(squares))
    internal._foreach_mul_(steps, gradients)
    internal._foreach_mul_(deltas, rho)
    internal._foreach_addcmul_(deltas, steps, steps, 1 - rho)
    internal._foreach_add_(params, steps, { alpha: -group.lr })
  }

  protected override settings(group: ParamGroup): Record<string, unknown> {
    return { ...this.#settings, lr: group.lr, weight_decay: group.weightDecay }
  }
}

optimizers.register(Adadelta.key, Adadelta)
