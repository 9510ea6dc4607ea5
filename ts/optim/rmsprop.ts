import { z } from 'zod'
import type { Parameter, Tensor } from '../engine/index.ts'
import { StateTensors } from './layout.ts'
import { Optimizer, type ParameterState, type ParamGroup, type ParamGroupInput } from './optimizer.ts'
import { optimizers } from './registry.ts'

const rmspropParams = z.object({
  lr: z.number().min(0).default(0.01),
  momentum: z.number().min(0).default(0.9),
  weight_decay: z.number().min(0).default(1e-4),
  alpha: z.number().min(0).default(0.99).describe('share kept of the running mean of squared gradients'),
  eps: z.number().min(0).default(1e-8).describe('added to the denominator'),
  centered: z
    .boolean()
    .default(false)
    .describe('divide by the standard deviation instead of the root mean square'),
})

/** RMSprop (Hinton 2012), PyTorch's definition: eps is added after the square root. */
export class RmsProp extends Optimizer {
  static readonly key = 'rmsprop'
  static readonly params = rmspropParams

  readonly #settings: z.output<typeof rmspropParams>
  readonly #square = new StateTensors()
  readonly #mean = new StateTensors()
  readonly #momentum = new StateTensors()
  readonly #steps = new Map<Parameter, number>()

  constructor(groups: readonly ParamGroupInput[], params: z.input<typeof rmspropParams> = {}) {
    const settings = rmspropParams.parse(params)
    super(groups, { lr: settings.lr, weightDecay: settings.weight_decay })
    this.#settings = settings
  }

  protected override update(group: ParamGroup, params: readonly Parameter[], grads: readonly Tensor[]): void {
    const { alpha, eps, momentum, centered } = this.#settings
    for (const [i, param] of params.entries()) {
      const own = grads[i]!
      const grad = group.weightDecay === 0 ? own : own.add(param, { alpha: group.weightDecay })
      const square = this.#square
        .zeros(param)
        .mul_(alpha)
        .addcmul_(grad, grad, { value: 1 - alpha })
      let scale = square
      if (centered) {
        const mean = this.#mean.zeros(param).lerp_(grad, 1 - alpha)
        scale = square.addcmul(mean, mean, { value: -1 })
      }
      const divisor = scale.sqrt().add_(eps)
      this.#steps.set(param, (this.#steps.get(param) ?? 0) + 1)
      if (momentum > 0) {
        const buffer = this.#momentum.zeros(param).mul_(momentum).addcdiv_(grad, divisor)
        param.add_(buffer, { alpha: -group.lr })
      } else param.addcdiv_(grad, divisor, { value: -group.lr })
    }
  }

  protected override stateOf(param: Parameter): ParameterState | undefined {
    const step = this.#steps.get(param)
    if (step === undefined) return undefined
    const state: ParameterState = { step, square_avg: this.#square.get(param)! }
    const buffer = this.#momentum.get(param)
    const mean = this.#mean.get(param)
    if (buffer !== undefined) state.momentum_buffer = buffer
    if (mean !== undefined) state.grad_avg = mean
    return state
  }

  protected override restore(param: Parameter, state: Readonly<ParameterState>): void {
    const { step } = state
    if (step !== undefined) this.#steps.set(param, typeof step === 'number' ? step : step.item())
    const parts = { square_avg: this.#square, momentum_buffer: this.#momentum, grad_avg: this.#mean }
    for (const [name, tensors] of Object.entries(parts)) {
      const saved = state[name]
      if (saved !== undefined && typeof saved !== 'number') tensors.restore(param, saved)
    }
  }

  protected override settings(group: ParamGroup): Record<string, unknown> {
    const { alpha, eps, momentum, centered } = this.#settings
    return { lr: group.lr, momentum, alpha, eps, centered, weight_decay: group.weightDecay }
  }

  override free(): void {
    for (const tensors of [this.#square, this.#mean, this.#momentum]) tensors.free()
    this.#steps.clear()
  }
}

optimizers.register(RmsProp.key, RmsProp)
