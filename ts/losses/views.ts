import type { Tensor } from '../engine/index.ts'
import type { LossContext } from './loss.ts'
import { lossError, matrix, rowsPerCrop } from './messages.ts'

/**
 * The two views of a batch: 2B×D, all first views and then all second views.
 *
 * @throws VisslError when it is no matrix with an even number of rows
 */
export function twoViews(loss: string, output: Tensor | Tensor[], dim?: number): [Tensor, Tensor] {
  const [count] = matrix(loss, output, dim)
  const rows = rowsPerCrop(loss, count, 2)
  const tensor = output as Tensor
  return [tensor.narrow(0, 0, rows), tensor.narrow(0, rows, rows)]
}

/**
 * The two views of the projections 2B×D that predictions shall meet, without gradient.
 *
 * @param what they are, for messages
 * @param width D of the predictions
 * @throws VisslError when they are missing or not as wide
 */
export function twoTargets(
  loss: string,
  projections: Tensor | undefined,
  what: string,
  width: number,
): [Tensor, Tensor] {
  const views = twoViews(loss, requireGiven(loss, projections, what).detach())
  const own = views[0].shape[1]!
  if (own === width) return views
  throw lossError(
    loss,
    `the last head, the predictor, gives ${width} numbers for a view, and ${what} has ${own}`,
    `make the last of its dims ${own} in config.MODEL.HEAD.PARAMS`,
  )
}

/** @throws VisslError unless the transforms make two views of every image */
export function requireTwoViews(loss: string, { crops }: LossContext): void {
  if (crops === 2) return
  throw lossError(
    loss,
    `needs two views of every image, and the transforms make ${crops}`,
    'begin DATA.TRAIN.TRANSFORMS with ImgReplicatePil num_times 2, and use simclr_collator',
  )
}

/** @throws VisslError unless a batch over all processes has `least` images */
export function requireBatch(loss: string, { batchSize, worldSize }: LossContext, least: number): void {
  if (batchSize * worldSize >= least) return
  throw lossError(
    loss,
    `needs a batch of at least ${least} images, and it has ${batchSize * worldSize}`,
    `set config.DATA.TRAIN.BATCHSIZE_PER_REPLICA to ${Math.ceil(least / worldSize)} or more`,
  )
}

/** Means of what a second network or an earlier layer has to give before a loss is called. */
export function requireGiven<T>(loss: string, value: T | undefined, what: string): T {
  if (value !== undefined) return value
  throw lossError(loss, `${what} is missing; use it with its hook`)
}
