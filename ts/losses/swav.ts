import type { z } from 'zod'
import type { swavMomentumParams } from '../config/schema/losses/index.ts'
import { swavParams } from '../config/schema/losses/index.ts'
import { isGradEnabled, type Tensor } from '../engine/index.ts'
import { Loss, type LossContext, losses } from './loss.ts'
import { listOf, lossError, rowsPerCrop } from './messages.ts'
import { requireCropCount } from './multicrop-simclr.ts'
import { type CropCodes, codes, swappedPrediction } from './swav-codes.ts'
import { SwavState } from './swav-state.ts'

type SwavParams = z.output<typeof swavParams>

/**
 * SwAV (Caron et al. 2020, arXiv:2006.09882): crops predict the balanced prototype assignments of other crops.
 *
 * Input: a list of embeddings C·B×D and, for each prototype head, scores C·B×K, all crop by crop (a `swav_head`).
 * Output: a scalar, the mean over heads. With a queue, the last embeddings take part in the assignment; the hooks of
 * the loss bring their scores up to date and normalise the prototypes. State moves only while gradients are recorded.
 *
 * @throws VisslError for outputs that do not fit the parameters
 */
export class SwavLoss extends Loss<SwavParams> {
  static readonly key = 'swav_loss'
  static readonly params = swavParams

  readonly swav_criterion: SwavState

  constructor(params?: unknown) {
    super(params)
    this.swav_criterion = swavState(SwavLoss.key, this.params, true)
  }

  override check(context: LossContext): void {
    checkSwav(SwavLoss.key, this.params, context)
  }

  override forward(output: Tensor | Tensor[]): Tensor {
    const { num_crops, temperature, crops_for_assign } = this.params
    const { embeddings, scores, rows } = swavOutputs(SwavLoss.key, output, this.params)
    const perHead = scores.map((each, head) =>
      swappedPrediction(each, num_crops, temperature, this.codesOf(each, head)),
    )
    if (isGradEnabled()) this.swav_criterion.advance(embeddings, crops_for_assign, rows)
    return mean(perHead)
  }

  /** The codes of every crop that gives codes, from the scores C·B×K of a head. */
  codesOf(scores: Tensor, head: number): CropCodes[] {
    const { num_crops, crops_for_assign, epsilon, num_iters, use_double_precision } = this.params
    const state = this.swav_criterion
    const rows = scores.shape[0]! / num_crops
    const options = {
      epsilon,
      iterations: num_iters,
      double: use_double_precision,
      hard: state.iteration < this.params.temp_hard_assignment_iters,
    }
    const { usesQueue } = state
    return crops_for_assign.map((crop, i) => {
      const queued = usesQueue ? state.scoreQueues[head]!.select(0, i) : undefined
      return [crop, codes(scores.narrow(0, crop * rows, rows), queued, options)]
    })
  }
}

/** Mean of scalars. */
export function mean(values: readonly Tensor[]): Tensor {
  return values
    .slice(1)
    .reduce((sum, value) => sum.add(value), values[0]!)
    .div(values.length)
}

type AnySwav = SwavParams | z.output<typeof swavMomentumParams>

/** The state that the parameters ask for. @throws VisslError for crops that there are not */
export function swavState(loss: string, params: AnySwav, keepsScores: boolean): SwavState {
  const { num_crops, crops_for_assign, num_prototypes, queue } = params
  if (num_crops < 2)
    throw lossError(loss, 'num_crops is 1: a crop cannot predict itself', 'use 2 or more crops')
  const wrong = crops_for_assign.filter((crop) => crop < 0 || crop >= num_crops)
  if (wrong.length > 0 || crops_for_assign.length === 0 || num_prototypes.length === 0) {
    throw lossError(
      loss,
      `crops_for_assign is [${crops_for_assign.join(', ')}] with ${num_crops} crops and ${num_prototypes.length} heads`,
      `choose at least one of 0 to ${num_crops - 1}, and give the swav_head num_clusters`,
    )
  }
  return new SwavState({
    loss,
    crops: crops_for_assign.length,
    embeddingDim: params.embedding_dim,
    prototypes: num_prototypes,
    queueLength: queue.local_queue_length,
    queueStart: queue.start_iter,
    keepsScores,
  })
}

/** @throws VisslError for crops or a queue that do not fit the run */
export function checkSwav(loss: string, params: AnySwav, context: LossContext): void {
  requireCropCount(loss, params.num_crops, context.crops)
  const length = params.queue.local_queue_length
  if (length % context.batchSize !== 0) {
    throw lossError(
      loss,
      `the queue of a process has ${length} rows, no multiple of the batch of ${context.batchSize}`,
      `set config.LOSS.${loss}.queue.queue_length to a multiple of ${context.batchSize * context.worldSize}`,
    )
  }
  const most = Math.max(...params.num_prototypes)
  if (most > context.samples) {
    context.warn?.(
      `${loss}: ${most} prototypes for ${context.samples} images; most will stay unused: fewer num_clusters of the swav_head in config.MODEL.HEAD.PARAMS`,
    )
  }
}

/** A SwAV model's output. @throws VisslError for outputs that do not fit the parameters */
export function swavOutputs(
  loss: string,
  output: Tensor | Tensor[],
  { num_crops, num_prototypes, embedding_dim }: AnySwav,
): { embeddings: Tensor; scores: Tensor[]; rows: number } {
  const [embeddings, ...scores] = listOf(output) as [Tensor, ...Tensor[]]
  const columns = [embeddings, ...scores].map((each) => each.shape.at(-1))
  if (String(columns) !== String([embedding_dim, ...num_prototypes])) {
    throw lossError(
      loss,
      `takes embeddings of ${embedding_dim} and scores of ${num_prototypes.join(', ')} columns; the model gave ${columns.join(', ')}`,
      'use one swav_head with return_embeddings: true',
    )
  }
  return { embeddings, scores, rows: rowsPerCrop(loss, embeddings.shape[0]!, num_crops) }
}

losses.register(SwavLoss.key, SwavLoss)
