import type { Tensor } from '../engine/index.ts'
import { ExitCode, VisslError } from '../errors.ts'

/**
 * Spreads one update over several batches: their gradients add up, and the update follows the last of them, as if
 * they had been one batch (losses that compare the samples of a batch still see the small ones).
 *
 * @example
 * if (accumulation.first) optimizer.zeroGrad()
 * accumulation.share(loss).backward()
 * if (accumulation.next()) optimizer.step()
 */
export class GradientAccumulation {
  /** Batches of one update. */
  readonly batches: number
  #done = 0

  /** @throws VisslError unless `batches` is a whole number of at least 1 */
  constructor(batches = 1) {
    if (!Number.isInteger(batches) || batches < 1) {
      throw new VisslError(
        ExitCode.usage,
        `OPTIMIZER.accumulate_batches is ${batches}`,
        'give a whole number of at least 1',
      )
    }
    this.batches = batches
  }

  /** Whether the coming batch opens an update: gradients are cleared before it. */
  get first(): boolean {
    return this.#done === 0
  }

  /** Whether the update follows the coming batch; processes exchange gradients only then. */
  get last(): boolean {
    return this.#done === this.batches - 1
  }

  /** A batch's part of the mean loss of the update. */
  share(loss: Tensor): Tensor {
    return this.batches === 1 ? loss : loss.div(this.batches)
  }

  /**
   * Counts a batch.
   *
   * @returns whether the update is due now
   */
  next(): boolean {
    this.#done = (this.#done + 1) % this.batches
    return this.#done === 0
  }

  /** Forgets the batches of an update that was begun, at the end of an epoch. */
  restart(): void {
    this.#done = 0
  }
}
