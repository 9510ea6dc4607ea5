import { z } from 'zod'
import { noGrad, scope } from '../engine/index.ts'
import type { Optimizer, OptimizerState, ParamGroup } from './optimizer.ts'

/** Parameters of {@link Larc}: `OPTIMIZER.larc_config`. */
export const larcParams = z.object({
  clip: z.boolean().default(false).describe('cap the rate at the scheduled one instead of scaling it'),
  eps: z.number().min(0).default(1e-8).describe('added to the denominator'),
  trust_coefficient: z
    .number()
    .min(0)
    .default(0.001)
    .describe('how far a step may go relative to the weights'),
})

/**
 * Layer-wise adaptive rate control (You et al. 2017, arXiv:1708.03888) around another optimizer. Each gradient g of
 * a parameter p becomes (g + wd·p)·a with a = trust·‖p‖ / (‖g‖ + wd·‖p‖ + eps), capped at lr and divided by lr with
 * `clip`; the inner optimizer then decays nothing. Where ‖p‖ or ‖g‖ is zero, g stays and nothing is decayed.
 */
export class Larc {
  readonly inner: Optimizer
  readonly #settings: z.output<typeof larcParams>

  constructor(inner: Optimizer, params: z.input<typeof larcParams> = {}) {
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
    for (const param of params) {
      const { grad } = param
      if (grad === null) continue
      const paramNorm = param.norm().item()
      const gradNorm = grad.norm().item()
      if (paramNorm === 0 || gradNorm === 0) continue
      let rate = (trust * paramNorm) / (gradNorm + paramNorm * weightDecay + eps)
      if (clip) rate = Math.min(rate / lr, 1)
      grad.add_(param, { alpha: weightDecay }).mul_(rate)
    }
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
