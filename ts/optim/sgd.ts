import type { z } from 'zod'
import { sgdParams } from '../config/schema/optimizers.ts'
import { internal, type Parameter, type Tensor } from '../engine/index.ts'
import { ExitCode, VisslError } from '../errors.ts'
import { decayed } from './decay.ts'
import { Optimizer, type ParamGroup, type ParamGroupInput } from './optimizer.ts'
import { optimizers } from './registry.ts'

/**
 * Stochastic gradient descent with momentum, PyTorch's definition with dampening 0:
 * g ← g + wd·p; b ← m·b + g (b ← g the first time); p ← p − lr·(b, or g + m·b with Nesterov).
 */
export class Sgd extends Optimizer {
  static readonly key = 'sgd'
  static readonly params = sgdParams

  protected override readonly stateNames = ['momentum_buffer']
  readonly #momentum: number
  readonly #nesterov: boolean
  readonly #fused: boolean

  /** @throws VisslError for Nesterov without momentum */
  constructor(groups: readonly ParamGroupInput[], params: z.input<typeof sgdParams> = {}) {
    const settings = sgdParams.parse(params)
    super(groups, settings)
    if (settings.nesterov && settings.momentum === 0) {
      throw new VisslError(ExitCode.usage, 'OPTIMIZER.nesterov needs a momentum above 0')
    }
    this.#momentum = settings.momentum
    this.#nesterov = settings.nesterov
    this.#fused = settings.fused
  }

  protected override update(group: ParamGroup, params: readonly Parameter[], grads: readonly Tensor[]): void {
    const known = params.map((param) => this.memory.has(param, 'momentum_buffer'))
    // The first update of a parameter starts its buffer, which concerns a whole call: those are made apart.
    for (const first of [true, false]) {
      const chosen = <T>(items: readonly T[]) => items.filter((_, i) => known[i] !== first)
      const some = chosen(params)
      if (some.length === 0) continue
      const gradients = chosen(grads)
      const buffers = this.#momentum > 0 ? this.memory.tensors(some, 'momentum_buffer') : []
      if (this.#fused) this.#updateFused(group, some, gradients, buffers, first)
      else this.#updatePlain(group, some, gradients, buffers)
    }
  }

  #updateFused(
    group: ParamGroup,
    params: readonly Parameter[],
    grads: readonly Tensor[],
    buffers: readonly Tensor[],
    first: boolean,
  ): void {
    internal._fused_sgd_(params, grads, buffers, {
      weight_decay: group.weightDecay,
      momentum: this.#momentum,
      lr: group.lr,
      dampening: 0,
      nesterov: this.#nesterov,
      maximize: false,
      is_first_step: first,
    })
  }

  /** Buffers start at zero, so that the first time b = g. */
  #updatePlain(
    group: ParamGroup,
    params: readonly Parameter[],
    grads: readonly Tensor[],
    buffers: readonly Tensor[],
  ): void {
    const gradients = decayed(group, params, grads)
    let steps = gradients
    if (this.#momentum > 0) {
      internal._foreach_mul_(buffers, this.#momentum)
      internal._foreach_add_(buffers, gradients)
      steps = this.#nesterov ? internal._foreach_add(gradients, buffers, { alpha: this.#momentum }) : buffers
    }
    internal._foreach_add_(params, steps, { alpha: -group.lr })
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
}

optimizers.register(Sgd.key, Sgd)
