import type { z } from 'zod'
import { simclrParams } from '../config/schema/losses/index.ts'
import { gather, rank, worldSize } from '../distributed/index.ts'
import { noGrad, ops, type Tensor, TensorBuffer } from '../engine/index.ts'
import { functional } from '../nn/index.ts'
import { Loss, type LossContext, losses } from './loss.ts'
import { lossError, matrix, rowsPerCrop } from './messages.ts'

/** Parameters of {@link SimclrInfoNceLoss}. */
export type SimclrInfoNceParams = z.output<typeof simclrParams>

/**
 * Normalised temperature-scaled cross entropy of SimCLR (Chen et al. 2020, arXiv:2002.05709): each embedding must
 * pick the other view of its image among all other embeddings of all processes.
 *
 * Input: 2B×D embeddings of this process, all first views and then all second views, of any scale. Output: a scalar,
 * the mean over the 2B embeddings of −log(exp(s_pos/τ) / Σ_{j≠i} exp(s_ij/τ)) with cosine similarities s.
 *
 * @throws VisslError for an odd number of rows, another embedding length, or (with several processes) another batch
 * size than configured
 */
export class SimclrInfoNceLoss extends Loss<SimclrInfoNceParams> {
  static readonly key = 'simclr_info_nce_loss'
  static readonly params = simclrParams

  /** N×M of zeros with −∞ where a column is the row's own embedding: nobody is its own candidate. */
  mask: TensorBuffer | null = null
  /** N int64: the column of each embedding's other view. */
  positives: TensorBuffer | null = null
  readonly #scale: number
  #made = ''

  constructor(params?: unknown) {
    super(params)
    this.#scale = 1 / this.params.temperature
  }

  override check({ batchSize, worldSize: processes, crops, dropLast }: LossContext): void {
    const name = SimclrInfoNceLoss.key
    if (crops !== 2) {
      throw lossError(
        name,
        `needs two views of every image, and the transforms make ${crops}`,
        'begin DATA.TRAIN.TRANSFORMS with ImgReplicatePil num_times 2, or use multicrop_simclr_info_nce_loss',
      )
    }
    requireNegatives(name, batchSize * processes)
    if (processes > 1) requireFullBatches(name, dropLast)
  }

  override forward(embeddings: Tensor | Tensor[]): Tensor {
    this.#check(embeddings)
    const z = functional.normalize(embeddings as Tensor)
    const all = gather(z)
    this.#prepare(z, all.shape[0]!)
    const logits = ops.addmm(this.mask!, z, all.t(), { beta: 1, alpha: this.#scale })
    return functional.crossEntropy(logits, this.positives!)
  }

  #check(embeddings: Tensor | Tensor[]): void {
    const name = SimclrInfoNceLoss.key
    const { embedding_dim, effective_batch_size } = this.params.buffer_params
    const [rows] = matrix(name, embeddings, embedding_dim)
    rowsPerCrop(name, rows, 2)
    if (worldSize() > 1 && rows * worldSize() !== effective_batch_size) {
      throw lossError(
        name,
        `effective_batch_size is ${effective_batch_size}, got ${rows} embeddings in each of ${worldSize()} processes`,
        'set DATA.TRAIN.DROP_LAST to true, or check the batch size',
      )
    }
  }

  /** Makes mask and targets for these sizes, dtype and device, unless they are at hand. */
  #prepare(z: Tensor, columns: number): void {
    const { dtype, device } = z
    const rows = z.shape[0]!
    const first = rank() * rows
    const wanted = `${rows} ${columns} ${first} ${dtype} ${device}`
    if (wanted === this.#made) return
    this.mask?.free()
    this.positives?.free()
    noGrad(() => {
      const mask = ops.zeros([rows, columns], { dtype, device })
      mask.narrow(1, first, rows).fill_diagonal_(-Infinity)
      this.mask = new TensorBuffer(mask, { persistent: false })
      const other = ops
        .arange(rows, { dtype: 'int64', device })
        .roll([rows / 2], [0])
        .add(first)
      this.positives = new TensorBuffer(other, { persistent: false })
    })
    this.#made = wanted
  }
}

/** @throws VisslError when there is but one image in a batch over all processes */
export function requireNegatives(loss: string, globalBatch: number): void {
  if (globalBatch >= 2) return
  throw lossError(
    loss,
    'compares with other images of the batch, and the batch has one image',
    'set config.DATA.TRAIN.BATCHSIZE_PER_REPLICA to 2 or more',
  )
}

/** @throws VisslError when the last batch of an epoch may be smaller than the others */
export function requireFullBatches(loss: string, dropLast: boolean): void {
  if (dropLast) return
  throw lossError(loss, 'needs full batches', 'set config.DATA.TRAIN.DROP_LAST=true')
}

losses.register(SimclrInfoNceLoss.key, SimclrInfoNceLoss)
