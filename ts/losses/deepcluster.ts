import type { z } from 'zod'
import { deepClusterParams } from '../config/schema/losses/index.ts'
import { gather, worldSize } from '../distributed/index.ts'
import { isGradEnabled, noGrad, ops, scope, type Tensor, TensorBuffer } from '../engine/index.ts'
import { functional } from '../nn/index.ts'
import { kmeans } from './kmeans.ts'
import { Loss, type LossContext, losses } from './loss.ts'
import { requireMemory } from './memory-bank.ts'
import { lossError, matrix, rowsPerCrop } from './messages.ts'
import { requireCropCount } from './multicrop-simclr.ts'
import { mean } from './swav.ts'
import { classLoss, requireTarget } from './targets.ts'

const KEY = 'deepclusterv2_loss'
/** An image without a cluster. */
const NONE = -100

/**
 * DeepCluster v2 (Caron et al. 2020, arXiv:2006.09882, section 4): crops predict the cluster that their image had when
 * the embeddings of the last epoch were clustered.
 *
 * Input: embeddings C·B×D of any scale, crop by crop, and C·B int64 indices of the images (`sample_index` labels).
 * Output: a scalar, the mean over the clusterings of the cross entropy of v·centroidsᵀ/τ with the cluster of the
 * image; images without one do not count. Embeddings of `crops_for_mb` are kept for the next clustering while
 * gradients are recorded. A hook fills the memory at the start and clusters at the start of every phase.
 *
 * @throws VisslError for sizes that do not fit
 */
export class DeepClusterLoss extends Loss<z.output<typeof deepClusterParams>> {
  static readonly key = KEY
  static readonly params = deepClusterParams

  /** A×n×D: embeddings of this process's images for each crop that is kept. */
  readonly local_memory_embeddings: TensorBuffer
  /** n int64: their images. */
  readonly local_memory_index: TensorBuffer
  /** H×N int64: cluster of every image in each clustering, −100 without one. */
  readonly assignments: TensorBuffer
  readonly #centroids: readonly TensorBuffer[]
  /** Row of the memory that is written next. */
  position = 0

  constructor(params?: unknown) {
    super(params)
    const { num_train_samples: images, num_clusters, num_crops, memory_params } = this.params
    const { crops_for_mb, embedding_dim } = memory_params
    const rows = this.#localImages()
    if (crops_for_mb.length === 0 || crops_for_mb.some((crop) => crop < 0 || crop >= num_crops)) {
      throw lossError(
        KEY,
        `crops_for_mb is [${crops_for_mb.join(', ')}] with ${num_crops} crops`,
        `choose at least one of 0 to ${num_crops - 1}`,
      )
    }
    if (num_clusters.length === 0 || num_clusters.some((clusters) => clusters < 1 || clusters > rows)) {
      throw lossError(
        KEY,
        `num_clusters is [${num_clusters.join(', ')}], and a process keeps ${rows} images`,
        `make each number of config.LOSS.${KEY}.num_clusters between 1 and ${rows}`,
      )
    }
    requireMemory(KEY, crops_for_mb.length * rows * embedding_dim * 4, 'memory_params.embedding_dim')
    const int64 = { dtype: 'int64' } as const
    this.local_memory_embeddings = new TensorBuffer(ops.zeros([crops_for_mb.length, rows, embedding_dim]))
    this.local_memory_index = new TensorBuffer(ops.zeros([rows], int64))
    this.assignments = new TensorBuffer(ops.full([num_clusters.length, images], NONE, int64))
    this.#centroids = num_clusters.map((clusters) => new TensorBuffer(ops.rand([clusters, embedding_dim])))
  }

  override *ownTensors(): ReturnType<Loss['ownTensors']> {
    yield* super.ownTensors()
    for (const [head, centroids] of this.#centroids.entries()) yield [`centroids${head}`, centroids]
  }

  override check(context: LossContext): void {
    requireCropCount(KEY, this.params.num_crops, context.crops)
    if (context.labels) {
      context.warn?.(`${KEY} takes indices of samples as targets: set DATA.TRAIN.LABEL_TYPE=sample_index`)
    }
  }

  override forward(output: Tensor | Tensor[], target?: Tensor): Tensor {
    const { num_crops, temperature, memory_params } = this.params
    const [count] = matrix(KEY, output, memory_params.embedding_dim)
    const rows = rowsPerCrop(KEY, count, num_crops)
    const indices = requireTarget(KEY, target).reshape([-1])
    if (indices.shape[0] !== count) {
      throw lossError(
        KEY,
        `${count} embeddings and ${indices.shape[0]} indices of images`,
        'use multicrop_collator',
      )
    }
    const embeddings = functional.normalize(output as Tensor)
    const clusters = this.assignments.index_select(1, this.#known(indices))
    const losses = this.#centroids.map((centroids, head) => {
      const scores = embeddings.mm(centroids.to(embeddings.dtype).t()).div(temperature)
      return classLoss(scores, clusters.select(0, head), { loss: KEY, ignoreIndex: NONE })
    })
    if (isGradEnabled()) {
      this.remember(
        memory_params.crops_for_mb.map((crop) => embeddings.narrow(0, crop * rows, rows)),
        indices.narrow(0, 0, rows),
      )
    }
    return mean(losses)
  }

  /**
   * Writes the embeddings of a batch at the current row of the memory.
   *
   * @param embeddings for each kept crop B×D of length 1
   * @param indices B int64
   */
  remember(embeddings: readonly Tensor[], indices: Tensor): void {
    const rows = indices.shape[0]!
    const size = this.local_memory_index.shape[0]!
    if (this.position + rows > size) {
      throw lossError(
        KEY,
        `an epoch has more than the ${size} images that the memory holds`,
        `set config.LOSS.${KEY}.num_train_samples to the number of training images`,
      )
    }
    noGrad(() => {
      this.local_memory_index.narrow(0, this.position, rows).copy_(indices)
      for (const [i, each] of embeddings.entries()) {
        this.local_memory_embeddings.select(0, i).narrow(0, this.position, rows).copy_(each)
      }
    })
    this.position += rows
  }

  /** Clusters the memory anew for every head, and gives every image its cluster. The next batch is written first. */
  cluster(): void {
    const { num_clusters, kmeans_iters, memory_params } = this.params
    noGrad(() =>
      scope(() => {
        const indices = gather(this.local_memory_index)
        for (const [head, clusters] of num_clusters.entries()) {
          const bank = head % memory_params.crops_for_mb.length
          const { centroids, assignments } = kmeans(this.local_memory_embeddings.select(0, bank), {
            clusters,
            iterations: kmeans_iters,
            metric: 'cosine',
          })
          this.#centroids[head]!.copy_(centroids)
          this.assignments.select(0, head).fill_(NONE).index_copy_(0, indices, gather(assignments))
        }
      }),
    )
    this.position = 0
  }

  /** Images of this process in an epoch. */
  #localImages(): number {
    const { num_train_samples: images, DROP_LAST, BATCHSIZE_PER_REPLICA: batch } = this.params
    const share = Math.ceil(images / worldSize())
    const rows = DROP_LAST ? share - (share % batch) : share
    if (images >= 1 && rows >= 1) return rows
    throw lossError(
      KEY,
      `${images} images for ${worldSize()} processes with batches of ${batch} leave nothing to keep`,
      `set config.LOSS.${KEY}.num_train_samples, or make config.DATA.TRAIN.BATCHSIZE_PER_REPLICA smaller`,
    )
  }

  #known(indices: Tensor): Tensor {
    const images = this.assignments.shape[1]!
    const outside = indices.lt(0).logical_or(indices.ge(images))
    if (outside.any().item() === 0) return indices
    throw lossError(
      KEY,
      `a target is ${indices.masked_select(outside).select(0, 0).item()}, and there are ${images} training images`,
      'targets are indices of training images: set config.DATA.TRAIN.LABEL_TYPE=sample_index',
    )
  }
}

losses.register(KEY, DeepClusterLoss)
