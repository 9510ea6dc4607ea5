import type { z } from 'zod'
import { larcParams } from '../config/schema/optimizers.ts'
import { internal, noGrad, type Parameter, scope, type Tensor } from '../engine/index.ts'
import { norms } from './norms.ts'
import type { AnyOptimizer, OptimizerState, ParamGroup } from './optimizer.ts'

/**
 * Layer-wise adaptive rate control (You et al. 2017, arXiv:1708.03888) around another optimizer. Each gradient g of
 * a parameter p becomes (g + wd·p)·a with a = trust·‖p‖ / (‖g‖ + wd·‖p‖ + eps), capped at lr and divided by lr with
 * `clip`; the inner optimizer then decays nothing. Where ‖p‖ or ‖g‖ is zero, g stays and nothing is decayed.
 */
export class Larc implements AnyOptimizer {
  readonly inner: AnyOptimizer
  readonly #settings: z.output<typeof larcParams>

  constructor(inner: AnyOptimizer, params: z.input<typeof larcParams> = {}) {
    this.inner = inner
    this.#settings = larcParams.parse(params)
  }

  get groups(): ParamGroup[] {
    return this.inner.groups
  }

  step(): void {
    const decays = this.groups.map((group) => group.weightDecay)
    try {
      noGrad(() =>
        scope(() => {
          for (const group of this.groups) this.#adapt(group)
        }),
      )
      for (const group of this.groups) group.weightDecay = 0
      this.inner.step()
    } finally {
      for (const [i, group] of this.groups.entries()) group.weightDecay = decays[i]!
    }
  }

  #adapt({ params, lr, weightDecay }: ParamGroup): void {
    const { clip, eps, trust_coefficient: trust } = this.#settings
    const chosen: Parameter[] = []
    const grads: Tensor[] = []
    for (const param of params) {
      const { grad } = param
      if (grad === null) continue
      chosen.push(param)
      grads.push(grad)
    }
    const [weights, gradients] = [norms(chosen), norms(grads)]
    const adapted = chosen.flatMap((_, i) => (weights[i] === 0 || gradients[i] === 0 ? [] : [i]))
    if (adapted.length === 0) return
    const some = adapted.map((i) => grads[i]!)
    const rates = adapted.map((i) => {
      const rate = (trust * weights[i]!) / (gradients[i]! + weights[i]! * weightDecay + eps)
      return clip ? Math.min(rate / lr, 1) : rate
    })
    internal._foreach_add_(
      some,
      adapted.map((i) => chosen[i]!),
      { alpha: weightDecay },
    )
    internal._foreach_mul_(some, rates)
  }

  zeroGrad(): void {
    this.inner.zeroGrad()
  }

  stateDict(): OptimizerState {
    return this.inner.stateDict()
  }

  loadStateDict(state: OptimizerState): void {
    this.inner.loadStateDict(state)
  }

  free(): void {
    this.inner.free()
  }
}
