import { z } from 'zod'
import { internal, ops, type Parameter, type Tensor } from '../engine/index.ts'
import { aligned, layoutOf, StateTensors } from './layout.ts'
import { Optimizer, type ParameterState, type ParamGroup, type ParamGroupInput } from './optimizer.ts'
import { optimizers } from './registry.ts'

const adamParams = z.object({
  lr: z.number().min(0).default(1e-3),
  betas: z
    .tuple([z.number().min(0).lt(1), z.number().min(0).lt(1)])
    .default([0.9, 0.999])
    .describe('share kept of the running means of gradient and squared gradient'),
  eps: z.number().min(0).default(1e-8).describe('added to the denominator'),
  weight_decay: z.number().min(0).default(1e-4),
  amsgrad: z.boolean().default(false).describe('divide by the largest second moment so far'),
})

/** Adam (Kingma & Ba 2015, arXiv:1412.6980); weight decay is added to the gradient. */
export class Adam extends Optimizer {
  static readonly key: string = 'adam'
  static readonly params = adamParams

  protected readonly fused: typeof internal._fused_adam_ = internal._fused_adam_
  readonly #settings: z.output<typeof adamParams>
  readonly #mean = new StateTensors()
  readonly #square = new StateTensors()
  readonly #largest = new StateTensors()
  readonly #steps = new Map<Parameter, Tensor>()

  constructor(groups: readonly ParamGroupInput[], params: z.input<typeof adamParams> = {}) {
    const settings = adamParams.parse(params)
    super(groups, { lr: settings.lr, weightDecay: settings.weight_decay })
    this.#settings = settings
  }

  protected override update(group: ParamGroup, params: readonly Parameter[], grads: readonly Tensor[]): void {
    const { betas, eps, amsgrad } = this.#settings
    const means: Tensor[] = []
    const squares: Tensor[] = []
    const largest: Tensor[] = []
    const steps: Tensor[] = []
    const gradients = params.map((param, i) => {
      const layout = layoutOf(param)
      means.push(this.#mean.inLayout(param, layout))
      squares.push(this.#square.inLayout(param, layout))
      if (amsgrad) largest.push(this.#largest.inLayout(param, layout))
      steps.push(this.#stepOf(param))
      return aligned(param, grads[i]!, layout, 'a gradient')
    })
    internal._foreach_add_(steps, 1)
    this.fused(params, gradients, means, squares, largest, steps, {
      lr: group.lr,
      beta1: betas[0],
      beta2: betas[1],
      weight_decay: group.weightDecay,
      eps,
      amsgrad,
      maximize: false,
    })
  }

  #stepOf(param: Parameter): Tensor {
    let step = this.#steps.get(param)
    if (step === undefined) {
      step = ops.zeros([], { dtype: 'float32', device: param.device }).keep()
      this.#steps.set(param, step)
    }
    return step
  }

  protected override stateOf(param: Parameter): ParameterState | undefined {
    const step = this.#steps.get(param)
    if (step === undefined) return undefined
    const state: ParameterState = {
      step,
      exp_avg: this.#mean.get(param)!,
      exp_avg_sq: this.#square.get(param)!,
    }
    const largest = this.#largest.get(param)
    if (largest !== undefined) state.max_exp_avg_sq = largest
    return state
  }

  protected override restore(param: Parameter, state: Readonly<ParameterState>): void {
    const { step, exp_avg, exp_avg_sq, max_exp_avg_sq } = state
    if (step !== undefined) {
      const own = this.#stepOf(param)
      if (typeof step === 'number') own.fill_(step)
      else own.copy_(step)
    }
    if (isTensor(exp_avg)) this.#mean.restore(param, exp_avg)
    if (isTensor(exp_avg_sq)) this.#square.restore(param, exp_avg_sq)
    if (isTensor(max_exp_avg_sq)) this.#largest.restore(param, max_exp_avg_sq)
  }

  protected override settings(group: ParamGroup): Record<string, unknown> {
    const { betas, eps, amsgrad } = this.#settings
    return { lr: group.lr, betas, eps, weight_decay: group.weightDecay, amsgrad }
  }

  override free(): void {
    for (const state of [this.#mean, this.#square, this.#largest]) state.free()
    for (const step of this.#steps.values()) step.free()
    this.#steps.clear()
  }
}

/** Adam with weight decay apart from the gradient (Loshchilov & Hutter 2019, arXiv:1711.05101). */
export class AdamW extends Adam {
  static override readonly key = 'adamw'
  protected override readonly fused = internal._fused_adamw_
}

function isTensor(value: Tensor | number | undefined): value is Tensor {
  return value !== undefined && typeof value !== 'number'
}

optimizers.register(Adam.key, Adam)
optimizers.register(AdamW.key, AdamW)
