import type { z } from 'zod'
import { nnclrParams } from '../config/schema/losses/index.ts'
import { gather, rank } from '../distributed/index.ts'
import { isGradEnabled, noGrad, ops, type Tensor, TensorBuffer } from '../engine/index.ts'
import { functional } from '../nn/index.ts'
import { Loss, type LossContext, losses } from './loss.ts'
import { lossError } from './messages.ts'
import { enqueue } from './queue.ts'
import { requireFullBatches } from './simclr.ts'
import { requireBatch, requireTwoViews, twoTargets, twoViews } from './views.ts'

const KEY = 'nnclr_loss'

/**
 * NNCLR (Dwibedi et al. 2021, arXiv:2104.14548): the nearest neighbour of each view's projection, among earlier ones,
 * must pick the prediction of the other view among those of the batch of all processes.
 *
 * Input: predictions 2B×D of the model's last head, all first views and then all second views. A hook gives what that
 * head was given as {@link projection} (2B×D). Output: a scalar, mean over both directions of the cross entropy of
 * nn(z)·pᵀ/τ. Afterwards the first views' projections enter the queue, while gradients are recorded.
 *
 * @throws VisslError for sizes that do not fit
 */
export class NnclrLoss extends Loss<z.output<typeof nnclrParams>> {
  static readonly key = KEY
  static readonly params = nnclrParams

  /** M×D, rows of length 1. */
  readonly queue: TensorBuffer
  /** int64[1]: the row that is written next. */
  readonly queue_ptr: TensorBuffer
  /** 2B×D: what the predictor was given. Set before each call. */
  projection: Tensor | undefined

  constructor(params?: unknown) {
    super(params)
    const { queue_size, embedding_dim } = this.params
    this.queue = new TensorBuffer(noGrad(() => functional.normalize(ops.randn([queue_size, embedding_dim]))))
    this.queue_ptr = new TensorBuffer(ops.zeros([1], { dtype: 'int64' }))
  }

  override check(context: LossContext): void {
    requireTwoViews(KEY, context)
    requireBatch(KEY, context, 2)
    requireFullBatches(KEY, context.dropLast)
    this.#requireMultiple(context.batchSize * context.worldSize)
  }

  override forward(output: Tensor | Tensor[]): Tensor {
    const { embedding_dim } = this.params
    const [p1, p2] = twoViews(KEY, output, embedding_dim).map((view) => functional.normalize(view)) as [
      Tensor,
      Tensor,
    ]
    const [z1, z2] = noGrad(() =>
      twoTargets(KEY, this.projection, 'the projection', embedding_dim).map((view) =>
        functional.normalize(view),
      ),
    ) as [Tensor, Tensor]
    const loss = this.#contrast(z1, p2).add(this.#contrast(z2, p1)).div(2)
    if (isGradEnabled()) {
      const newest = noGrad(() => gather(z1))
      this.#requireMultiple(newest.shape[0]!)
      enqueue(this.queue, this.queue_ptr, newest)
    }
    return loss
  }

  #contrast(projections: Tensor, predictions: Tensor): Tensor {
    const [rows] = projections.shape as [number]
    const nearest = noGrad(() => {
      const queue = this.queue.to(projections.dtype)
      return queue.index_select(0, projections.mm(queue.t()).argmax(1))
    })
    const logits = nearest.mm(gather(predictions).t()).div(this.params.temperature)
    const target = ops.arange(rows, { dtype: 'int64', device: logits.device }).add(rank() * rows)
    return functional.crossEntropy(logits, target)
  }

  #requireMultiple(globalBatch: number): void {
    const { queue_size } = this.params
    if (queue_size % globalBatch === 0) return
    const near = Math.max(1, Math.round(queue_size / globalBatch)) * globalBatch
    throw lossError(
      KEY,
      `the queue of ${queue_size} embeddings is no multiple of the global batch of ${globalBatch}`,
      `set config.LOSS.${KEY}.queue_size=${near}`,
    )
  }
}

losses.register(KEY, NnclrLoss)
