import { z } from 'zod'
import { internal, type Parameter, type Tensor } from '../engine/index.ts'
import { ExitCode, VisslError } from '../errors.ts'
import { aligned, layoutOf, StateTensors } from './layout.ts'
import { Optimizer, type ParameterState, type ParamGroup, type ParamGroupInput } from './optimizer.ts'
import { optimizers } from './registry.ts'

const sgdParams = z.object({
  lr: z.number().min(0).default(0.1),
  momentum: z.number().min(0).lt(1).default(0.9).describe('share of the last update that is kept'),
  weight_decay: z.number().min(0).default(1e-4).describe('L2 penalty'),
  nesterov: z.boolean().default(false).describe('look ahead along the momentum'),
})

/**
 * Stochastic gradient descent with momentum, PyTorch's definition with dampening 0:
 * g ← g + wd·p; b ← m·b + g (b ← g the first time); p ← p − lr·(b, or g + m·b with Nesterov).
 */
export class Sgd extends Optimizer {
  static readonly key = 'sgd'
  static readonly params = sgdParams

  readonly #momentum: number
  readonly #nesterov: boolean
  readonly #buffers = new StateTensors()

  constructor(groups: readonly ParamGroupInput[], params: z.input<typeof sgdParams> = {}) {
    const { lr, momentum, weight_decay, nesterov } = sgdParams.parse(params)
    super(groups, { lr, weightDecay: weight_decay })
    if (nesterov && momentum === 0) {
      throw new VisslError(ExitCode.usage, 'OPTIMIZER.nesterov needs a momentum above 0')
    }
    this.#momentum = momentum
    this.#nesterov = nesterov
  }

  protected override update(group: ParamGroup, params: readonly Parameter[], grads: readonly Tensor[]): void {
    const fresh = params.map((param) => !this.#buffers.has(param))
    if (this.#momentum === 0 || fresh.every((is) => is === fresh[0])) {
      this.#fused(group, params, grads, fresh[0]!)
      return
    }
    for (const first of [true, false]) {
      const some = <T>(items: readonly T[]) => items.filter((_, i) => fresh[i] === first)
      this.#fused(group, some(params), some(grads), first)
    }
  }

  #fused(group: ParamGroup, params: readonly Parameter[], grads: readonly Tensor[], first: boolean): void {
    const buffers: Tensor[] = []
    const gradients = params.map((param, i) => {
      const layout = layoutOf(param)
      if (this.#momentum > 0) buffers.push(this.#buffers.inLayout(param, layout))
      return aligned(param, grads[i]!, layout, 'a gradient')
    })
    internal._fused_sgd_(params, gradients, buffers, {
      weight_decay: group.weightDecay,
      momentum: this.#momentum,
      lr: group.lr,
      dampening: 0,
      nesterov: this.#nesterov,
      maximize: false,
      is_first_step: first,
    })
  }

  protected override stateOf(param: Parameter): ParameterState | undefined {
    const buffer = this.#buffers.get(param)
    return buffer === undefined ? undefined : { momentum_buffer: buffer }
  }

  protected override restore(param: Parameter, state: Readonly<ParameterState>): void {
    const { momentum_buffer: saved } = state
    if (saved === undefined || saved === null || typeof saved === 'number') return
    this.#buffers.restore(param, saved)
  }

  protected override settings(group: ParamGroup): Record<string, unknown> {
    return {
      lr: group.lr,
      momentum: this.#momentum,
      dampening: 0,
      weight_decay: group.weightDecay,
      nesterov: this.#nesterov,
    }
  }

  override free(): void {
    this.#buffers.free()
  }
}

optimizers.register(Sgd.key, Sgd)
