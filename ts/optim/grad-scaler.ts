import { z } from 'zod'
import { float, internal, noGrad, ops, type Parameter, scope, type Tensor } from '../engine/index.ts'
import { ExitCode, VisslError } from '../errors.ts'
import { parseParams } from '../nn/params.ts'

/** Parameters of {@link GradScaler}. */
export const gradScalerParams = z.object({
  init_scale: z.number().positive().default(65536).describe('first factor of the loss'),
  growth_factor: z.number().gt(1).default(2).describe('the scale grows by this'),
  backoff_factor: z
    .number()
    .gt(0)
    .lt(1)
    .default(0.5)
    .describe('and shrinks by this when a gradient overflows'),
  growth_interval: z.number().int().positive().default(2000).describe('good updates between two growths'),
})

/** A scaler's state under PyTorch's names; it goes into checkpoints as `amp`. */
export interface GradScalerState {
  readonly scale: number
  readonly growth_factor: number
  readonly backoff_factor: number
  readonly growth_interval: number
  readonly _growth_tracker: number
}

/** What a scaler drives: any optimizer, also one wrapped in LARC. */
export interface ScaledOptimizer {
  readonly groups: readonly { readonly params: readonly Parameter[] }[]
  step(): void
}

/**
 * Scales the loss so that small gradients survive float16, and leaves out updates whose gradients overflowed
 * (Micikevicius et al. 2018, arXiv:1710.03740). The scale follows PyTorch's: halved after an overflow, doubled after
 * 2000 updates without one. bfloat16 needs no scaler.
 *
 * @example
 * scaler.scaleLoss(loss).backward()
 * scaler.unscale(optimizer) // only where something looks at the gradients, such as clipping
 * clipGradNorm(model.parameters(), 1)
 * const updated = scaler.step(optimizer)
 * scaler.update()
 */
export class GradScaler {
  #settings: z.output<typeof gradScalerParams>
  #scale: number
  #goodUpdates = 0
  /** What unscaling found, by optimizer, until `update`: whether a gradient was infinite or NaN. */
  readonly #found = new Map<ScaledOptimizer, { overflow: boolean; stepped: boolean }>()

  /** @throws VisslError for factors out of range */
  constructor(params: z.input<typeof gradScalerParams> = {}) {
    this.#settings = parseParams('the gradient scaler', gradScalerParams, params)
    this.#scale = Math.fround(this.#settings.init_scale)
  }

  /** The factor now. */
  get scale(): number {
    return this.#scale
  }

  /** The loss times the scale: call `backward` on the result. */
  scaleLoss(loss: Tensor): Tensor {
    return loss.mul(float(this.#scale))
  }

  /**
   * Divides the optimizer's gradients by the scale. `step` does it by itself; call it before to clip or to look at
   * gradients. Once for each update.
   *
   * @throws VisslError when called twice before `update`
   */
  unscale(optimizer: ScaledOptimizer): void {
    if (this.#found.has(optimizer)) {
      throw new VisslError(
        ExitCode.internal,
        'these gradients are unscaled already, or the update is done',
        'call update() after every step()',
      )
    }
    this.#found.set(optimizer, { overflow: this.#unscale(optimizer), stepped: false })
  }

  #unscale(optimizer: ScaledOptimizer): boolean {
    return noGrad(() =>
      scope(() => {
        const byDevice = new Map<string, Tensor[]>()
        for (const { params } of optimizer.groups) {
          for (const param of params) {
            const { grad } = param
            if (grad === null) continue
            if (grad.dtype === 'float16') {
              throw new VisslError(
                ExitCode.usage,
                'gradients are float16, and cannot be unscaled without loss',
                'keep parameters in float32 and use autocast',
              )
            }
            const group = byDevice.get(grad.device)
            if (group === undefined) byDevice.set(grad.device, [grad])
            else group.push(grad)
          }
        }
        let overflow = false
        for (const [device, grads] of byDevice) {
          const found = ops.zeros([1], { device })
          const inverse = ops.full([1], Math.fround(1 / this.#scale), { dtype: 'float32', device })
          internal._amp_foreach_non_finite_check_and_unscale_(grads, found, inverse)
          overflow ||= found.item() !== 0
        }
        return overflow
      }),
    )
  }

  /**
   * Unscales unless that is done, and updates unless a gradient overflowed.
   *
   * @returns whether the parameters were updated
   */
  step(optimizer: ScaledOptimizer): boolean {
    if (!this.#found.has(optimizer)) this.unscale(optimizer)
    const found = this.#found.get(optimizer)!
    if (found.stepped) {
      throw new VisslError(
        ExitCode.internal,
        'step() was called twice for one backward',
        'call update() between',
      )
    }
    found.stepped = true
    if (!found.overflow) optimizer.step()
    return !found.overflow
  }

  /** Adapts the scale to what the steps since the last call found. */
  update(): void {
    if (this.#found.size === 0) {
      throw new VisslError(ExitCode.internal, 'update() before any step()', 'call step() first')
    }
    const { growth_factor, backoff_factor, growth_interval } = this.#settings
    if (Array.from(this.#found.values()).some(({ overflow }) => overflow)) {
      this.#scale = Math.fround(this.#scale * backoff_factor)
      this.#goodUpdates = 0
    } else if (++this.#goodUpdates === growth_interval) {
      const grown = Math.fround(this.#scale * growth_factor)
      if (Number.isFinite(grown)) this.#scale = grown
      this.#goodUpdates = 0
    }
    this.#found.clear()
  }

  stateDict(): GradScalerState {
    const { growth_factor, backoff_factor, growth_interval } = this.#settings
    return {
      scale: this.#scale,
      growth_factor,
      backoff_factor,
      growth_interval,
      _growth_tracker: this.#goodUpdates,
    }
  }

  /** @throws VisslError when the state is not one of a scaler; nothing has changed then */
  loadStateDict(state: Readonly<Record<string, unknown>> | GradScalerState): void {
    const saved = parseParams('the saved gradient scaler', savedState, state)
    this.#settings = {
      init_scale: saved.scale,
      growth_factor: saved.growth_factor,
      backoff_factor: saved.backoff_factor,
      growth_interval: saved.growth_interval,
    }
    this.#scale = Math.fround(saved.scale)
    this.#goodUpdates = saved._growth_tracker
    this.#found.clear()
  }
}

const savedState = z.object({
  scale: z.number().positive(),
  growth_factor: gradScalerParams.shape.growth_factor,
  backoff_factor: gradScalerParams.shape.backoff_factor,
  growth_interval: gradScalerParams.shape.growth_interval,
  _growth_tracker: z.number().int().min(0),
})
