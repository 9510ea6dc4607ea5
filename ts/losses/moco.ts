import type { z } from 'zod'
import { mocoParams } from '../config/schema/losses/index.ts'
import { gather } from '../distributed/index.ts'
import { isGradEnabled, noGrad, ops, type Tensor, TensorBuffer } from '../engine/index.ts'
import { functional } from '../nn/index.ts'
import { type LossContext, losses } from './loss.ts'
import { lossError, matrix } from './messages.ts'
import { MomentumLoss } from './momentum.ts'
import { enqueue } from './queue.ts'
import { requireFullBatches } from './simclr.ts'

/**
 * MoCo (He et al. 2020, arXiv:1911.05722; v2: arXiv:2003.04297): each query must pick the key of the other view of its
 * image, made by a slowly moving encoder, among a queue of earlier keys.
 *
 * Input: queries B×D of any scale; a hook runs the encoder and sets {@link key} (B×D, length 1) before each call.
 * Output: a scalar, mean cross entropy of [q·k, q·queue]/τ with target 0. Afterwards the keys of all processes replace
 * the oldest in the queue, while gradients are recorded.
 *
 * @throws VisslError for embeddings of another length, and for a queue that is no multiple of the global batch
 */
export class MocoLoss extends MomentumLoss<z.output<typeof mocoParams>> {
  static readonly key = 'moco_loss'
  static readonly params = mocoParams

  readonly encoderName = 'moco_encoder'
  /** D×K, columns of length 1. */
  readonly queue: TensorBuffer
  /** int64[1]: the column that is written next. */
  readonly queue_ptr: TensorBuffer
  /** Keys of this batch, B×D. */
  key: Tensor | undefined

  constructor(params?: unknown) {
    super(params)
    const { embedding_dim, queue_size } = this.params
    this.queue = new TensorBuffer(
      noGrad(() => functional.normalize(ops.randn([embedding_dim, queue_size]), { dim: 0 })),
    )
    this.queue_ptr = new TensorBuffer(ops.zeros([1], { dtype: 'int64' }))
  }

  override check({ batchSize, worldSize, dropLast, crops }: LossContext): void {
    this.#requireMultiple(batchSize * worldSize)
    requireFullBatches(MocoLoss.key, dropLast)
    if (crops !== 2) {
      throw lossError(
        MocoLoss.key,
        `needs two views of every image, and the transforms make ${crops}`,
        'begin DATA.TRAIN.TRANSFORMS with ImgReplicatePil num_times 2, and use moco_collator',
      )
    }
  }

  override forward(embeddings: Tensor | Tensor[]): Tensor {
    const { key, params } = this
    const name = MocoLoss.key
    const [rows] = matrix(name, embeddings, params.embedding_dim)
    if (key === undefined) throw lossError(name, 'the key encoder has not run; use it with its hook')
    if (key.shape[0] !== rows) {
      throw lossError(name, `${rows} queries and ${key.shape[0]} keys`, 'use the moco_collator')
    }
    const query = functional.normalize(embeddings as Tensor)
    const positives = query.mul(key).sum([1], true)
    const negatives = query.mm(this.queue.detach().clone())
    const logits = ops.cat([positives, negatives], 1).div(params.temperature)
    const target = ops.zeros([rows], { dtype: 'int64', device: query.device })
    if (isGradEnabled()) this.#enqueue(key)
    return functional.crossEntropy(logits, target)
  }

  #enqueue(key: Tensor): void {
    const keys = noGrad(() => gather(key.detach()))
    this.#requireMultiple(keys.shape[0]!)
    enqueue(this.queue.t(), this.queue_ptr, keys)
  }

  #requireMultiple(globalBatch: number): void {
    const { queue_size } = this.params
    if (queue_size % globalBatch === 0) return
    const near = Math.max(1, Math.round(queue_size / globalBatch)) * globalBatch
    throw lossError(
      MocoLoss.key,
      `the queue of ${queue_size} keys is no multiple of the global batch of ${globalBatch}`,
      `set config.LOSS.moco_loss.queue_size=${near}, and DATA.TRAIN.DROP_LAST=true`,
    )
  }
}

losses.register(MocoLoss.key, MocoLoss)
