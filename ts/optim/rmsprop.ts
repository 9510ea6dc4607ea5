import type { z } from 'zod'
import { rmspropParams } from '../config/schema/optimizers.ts'
import { internal, type Parameter, type Tensor } from '../engine/index.ts'
import { decayed } from './decay.ts'
import { Optimizer, type ParamGroup, type ParamGroupInput } from './optimizer.ts'
import { optimizers } from './registry.ts'

/** RMSprop (Hinton 2012), PyTorch's definition: eps is added after the square root. */
export class RmsProp extends Optimizer {
  static readonly key: string = 'rmsprop'
  static readonly params = rmspropParams

  protected override readonly stateNames = ['step', 'square_avg', 'momentum_buffer', 'grad_avg']
  readonly #settings: z.output<typeof rmspropParams>

  constructor(groups: readonly ParamGroupInput[], params: z.input<typeof rmspropParams> = {}) {
    const settings = rmspropParams.parse(params)
    super(groups, settings)
    this.#settings = settings
  }

  protected override update(group: ParamGroup, params: readonly Parameter[], grads: readonly Tensor[]): void {
    const { alpha, momentum, centered } = this.#settings
    const gradients = decayed(group, params, grads)
    for (const param of params) this.memory.count(param)
    const squares = this.memory.tensors(params, 'square_avg')
    internal._foreach_mul_(squares, alpha)
    internal._foreach_addcmul_(squares, gradients, gradients, 1 - alpha)
    let scales: Tensor[] = squares
    if (centered) {
      const means = this.memory.tensors(params, 'grad_avg')
      internal._foreach_lerp_(means, gradients, 1 - alpha)
      scales = internal._foreach_addcmul(squares, means, means, -1)
    }
    const divisors = this.divisors(scales)
    if (momentum > 0) {
      const buffers = this.memory.tensors(params, 'momentum_buffer')
      internal._foreach_mul_(buffers, momentum)
      internal._foreach_addcdiv_(buffers, gradients, divisors)
      internal._foreach_add_(params, buffers, { alpha: -group.lr })
    } else internal._foreach_addcdiv_(params, gradients, divisors, -group.lr)
  }

  protected override settings(group: ParamGroup): Record<string, unknown> {
    return { ...this.#settings, lr: group.lr, weight_decay: group.weightDecay }
  }

  /** What a gradient is divided by, from the mean of its square (or its variance). */
  protected divisors(scales: readonly Tensor[]): Tensor[] {
    const divisors = internal._foreach_sqrt(scales)
    internal._foreach_add_(divisors, this.eps)
    return divisors
  }

  protected get eps(): number {
    return this.#settings.eps
  }
}

/**
 * RMSprop as TensorFlow has it: eps is added before the square root. ClassyVision's also writes the root over the
 * mean of squares it is taken from, which is left out here.
 */
export class RmsPropTf extends RmsProp {
  static override readonly key = 'rmsprop_tf'

  protected override divisors(scales: readonly Tensor[]): Tensor[] {
    const divisors = internal._foreach_add(scales, this.eps)
    internal._foreach_sqrt_(divisors)
    return divisors
  }
}

optimizers.register(RmsProp.key, RmsProp)
optimizers.register(RmsPropTf.key, RmsPropTf)
