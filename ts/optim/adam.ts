import type { z } from 'zod'
import { adamParams } from '../config/schema/optimizers.ts'
import { internal, ops, type Parameter, type Tensor } from '../engine/index.ts'
import { decayed } from './decay.ts'
import { Optimizer, type ParamGroup, type ParamGroupInput } from './optimizer.ts'
import { optimizers } from './registry.ts'

/** What an update works on; the lists belong together. */
interface Work {
  readonly group: ParamGroup
  readonly params: readonly Parameter[]
  readonly grads: readonly Tensor[]
  readonly means: readonly Tensor[]
  readonly squares: readonly Tensor[]
  /** Empty without `amsgrad`. */
  readonly largest: readonly Tensor[]
  readonly steps: readonly number[]
}

/** Adam (Kingma & Ba 2015, arXiv:1412.6980); weight decay is added to the gradient. */
export class Adam extends Optimizer {
  static readonly key: string = 'adam'
  static readonly params = adamParams

  protected override readonly stateNames = ['step', 'exp_avg', 'exp_avg_sq', 'max_exp_avg_sq']
  /** Whether weight decay is a step of its own instead of a part of the gradient. */
  protected readonly decoupled: boolean = false
  readonly #settings: z.output<typeof adamParams>

  constructor(groups: readonly ParamGroupInput[], params: z.input<typeof adamParams> = {}) {
    const settings = adamParams.parse(params)
    super(groups, settings)
    this.#settings = settings
  }

  protected override update(group: ParamGroup, params: readonly Parameter[], grads: readonly Tensor[]): void {
    const { amsgrad, fused } = this.#settings
    const work: Work = {
      group,
      params,
      grads,
      means: this.memory.tensors(params, 'exp_avg'),
      squares: this.memory.tensors(params, 'exp_avg_sq'),
      largest: amsgrad ? this.memory.tensors(params, 'max_exp_avg_sq') : [],
      steps: params.map((param) => this.memory.count(param)),
    }
    if (fused) this.#updateFused(work)
    else this.#updatePlain(work)
  }

  #updateFused({ group, params, grads, means, squares, largest, steps }: Work): void {
    const { betas, eps, amsgrad } = this.#settings
    const counts = new Map<number, Tensor>()
    const stepTensors = steps.map((step, i) => {
      const known = counts.get(step) ?? ops.full([], step, { dtype: 'float32', device: params[i]!.device })
      counts.set(step, known)
      return known
    })
    const update = this.decoupled ? internal._fused_adamw_ : internal._fused_adam_
    update(params, grads, means, squares, largest, stepTensors, {
      lr: group.lr,
      beta1: betas[0],
      beta2: betas[1],
      weight_decay: group.weightDecay,
      eps,
      amsgrad,
      maximize: false,
    })
  }

  #updatePlain({ group, params, grads, means, squares, largest, steps }: Work): void {
    const [beta1, beta2] = this.#settings.betas
    if (this.decoupled) internal._foreach_mul_(params, 1 - group.lr * group.weightDecay)
    const gradients = this.decoupled ? grads : decayed(group, params, grads)
    internal._foreach_lerp_(means, gradients, 1 - beta1)
    internal._foreach_mul_(squares, beta2)
    internal._foreach_addcmul_(squares, gradients, gradients, 1 - beta2)
    if (largest.length > 0) internal._foreach_maximum_(largest, squares)
    const divisors = internal._foreach_sqrt(largest.length > 0 ? largest : squares)
    internal._foreach_div_(
      divisors,
      steps.map((step) => Math.sqrt(1 - beta2 ** step)),
    )
    internal._foreach_add_(divisors, this.#settings.eps)
    internal._foreach_addcdiv_(
      params,
      means,
      divisors,
      steps.map((step) => -group.lr / (1 - beta1 ** step)),
    )
  }

  protected override settings(group: ParamGroup): Record<string, unknown> {
    const { betas, eps, amsgrad } = this.#settings
    return { lr: group.lr, betas, eps, weight_decay: group.weightDecay, amsgrad }
  }
}

/** Adam with weight decay apart from the gradient (Loshchilov & Hutter 2019, arXiv:1711.05101). */
export class AdamW extends Adam {
  static override readonly key = 'adamw'
  protected override readonly decoupled = true
}

optimizers.register(Adam.key, Adam)
optimizers.register(AdamW.key, AdamW)
optimizers.register('adamw_mt', AdamW)
