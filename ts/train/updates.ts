import type { GradientAveraging } from '../distributed/index.ts'
import { noGrad, type Tensor } from '../engine/index.ts'
import {
  type AnyOptimizer,
  clipGradNorm,
  clipGradValue,
  GradientAccumulation,
  type GradScaler,
  type LearningRates,
} from '../optim/index.ts'

/** How gradients become updates. */
export interface UpdateOptions {
  /** Batches of one update; 1 unless given. */
  readonly accumulate?: number | undefined
  /** Largest common norm of all gradients, and the norm's order. */
  readonly clip?: { readonly maxNorm: number; readonly normType: number } | undefined
  /** Largest size of any element of a gradient. */
  readonly clipValue?: number | undefined
  /** For float16. */
  readonly scaler?: GradScaler | undefined
  /** Of the processes of the run; undefined for one. */
  readonly averaging?: GradientAveraging | undefined
}

/**
 * From a loss to an update: backward, gradients summed over several batches, loss scaling, clipping, learning rates,
 * the optimizer's step.
 */
export class Updates {
  readonly scaler: GradScaler | undefined
  readonly #accumulation: GradientAccumulation
  readonly #optimizer: AnyOptimizer
  readonly #rates: LearningRates
  readonly #clip: UpdateOptions['clip']
  readonly #clipValue: number | undefined
  readonly #averaging: GradientAveraging | undefined
  /** Norm of all gradients of the last update, before clipping; undefined where nothing is clipped. */
  gradientNorm: number | undefined
  /** Updates so far in this process. */
  count = 0
  /** Updates that were left out because a gradient overflowed. */
  skipped = 0

  constructor(optimizer: AnyOptimizer, rates: LearningRates, options: UpdateOptions = {}) {
    this.#optimizer = optimizer
    this.#rates = rates
    this.#clip = options.clip
    this.#clipValue = options.clipValue
    this.scaler = options.scaler
    this.#averaging = options.averaging
    this.#accumulation = new GradientAccumulation(options.accumulate)
  }

  /** Batches of one update. */
  get batches(): number {
    return this.#accumulation.batches
  }

  /** Whether no batch waits for its update. */
  get settled(): boolean {
    return this.#accumulation.first
  }

  /**
   * Adds a batch's gradients; those of an update's last batch become the mean over all processes.
   *
   * @param epochEnds as in {@link step}
   */
  backward(loss: Tensor, epochEnds: boolean): void {
    const { first, last } = this.#accumulation
    if (first) this.#optimizer.zeroGrad()
    const averaging = last || epochEnds ? this.#averaging : undefined
    averaging?.before()
    const share = this.#accumulation.share(loss)
    ;(this.scaler === undefined ? share : this.scaler.scaleLoss(share)).backward()
    averaging?.after()
  }

  /**
   * Counts a batch, and updates when it is the last of its update or of the epoch.
   *
   * @param where progress before the step, in [0, 1)
   * @param epochEnds the batch is the last of its epoch: what has gathered is used
   * @returns whether an update was due
   */
  step(where: number, epochEnds: boolean): boolean {
    if (!this.#accumulation.next() && !epochEnds) return false
    this.#accumulation.restart()
    this.#rates.beforeStep(where)
    noGrad(() => this.#update())
    this.count++
    return true
  }

  #update(): void {
    const { scaler } = this
    this.#clipGradients()
    if (scaler === undefined) {
      this.#optimizer.step()
      return
    }
    if (!scaler.step(this.#optimizer)) this.skipped++
    scaler.update()
  }

  /** Gradients are clipped as they are without loss scaling; elements first, then the norm. */
  #clipGradients(): void {
    const { scaler } = this
    if (this.#clip === undefined && this.#clipValue === undefined) return
    scaler?.unscale(this.#optimizer)
    const parameters = this.#optimizer.groups.flatMap(({ params }) => params)
    if (this.#clipValue !== undefined) clipGradValue(parameters, this.#clipValue)
    if (this.#clip === undefined) return
    const { maxNorm, normType } = this.#clip
    this.gradientNorm = clipGradNorm(parameters, maxNorm, { normType })
  }
}
