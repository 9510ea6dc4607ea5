import { z } from 'zod'
import { noGrad, ops, type Tensor, TensorBuffer } from '../engine/index.ts'
import { ExitCode, VisslError } from '../errors.ts'
import { functional } from '../nn/index.ts'
import { Loss, losses } from './loss.ts'

const simclrParams = z.object({
  temperature: z.number().positive().default(0.1).describe('divides the similarities; smaller is sharper'),
  buffer_params: z
    .looseObject({
      embedding_dim: z.number().int().positive().default(128).describe('D, length of an embedding'),
      world_size: z.number().int().positive().default(1).describe('number of processes (filled in)'),
      effective_batch_size: z
        .number()
        .int()
        .positive()
        .optional()
        .describe('embeddings of all processes together (filled in)'),
    })
    .prefault({}),
})

/** Parameters of {@link SimclrInfoNceLoss}. */
export type SimclrInfoNceParams = z.output<typeof simclrParams>

/**
 * Normalised temperature-scaled cross entropy of SimCLR (Chen et al. 2020, arXiv:2002.05709): each embedding must
 * pick the other view of its image among all other embeddings.
 *
 * Input: 2B×D embeddings, all first views and then all second views, of any scale. Output: a scalar, the mean over
 * the 2B embeddings of −log(exp(s_pos/τ) / Σ_{j≠i} exp(s_ij/τ)) with cosine similarities s.
 *
 * @throws VisslError for an odd number of rows, another embedding length, or another batch size than configured
 */
export class SimclrInfoNceLoss extends Loss<SimclrInfoNceParams> {
  static readonly key = 'simclr_info_nce_loss'
  static readonly params = simclrParams

  /** N×N of zeros with −∞ on the diagonal: no embedding is its own candidate. */
  mask: TensorBuffer | null = null
  /** N int64: the row of each embedding's other view. */
  positives: TensorBuffer | null = null
  readonly #scale: number
  #made = ''

  constructor(params?: unknown) {
    super(params)
    this.#scale = 1 / this.params.temperature
    const { world_size: processes } = this.params.buffer_params
    if (processes !== 1) {
      throw new VisslError(
        ExitCode.usage,
        `simclr_info_nce_loss: world_size is ${processes}, and this process runs alone`,
        'set DISTRIBUTED.NUM_NODES and DISTRIBUTED.NUM_PROC_PER_NODE to 1',
      )
    }
  }

  override forward(embeddings: Tensor): Tensor {
    this.#check(embeddings.shape)
    const z = functional.normalize(embeddings)
    this.#prepare(z)
    const logits = ops.addmm(this.mask!, z, z.t(), { beta: 1, alpha: this.#scale })
    return functional.crossEntropy(logits, this.positives!)
  }

  #check(shape: readonly number[]): void {
    const [rows, dim] = shape
    const { embedding_dim, effective_batch_size } = this.params.buffer_params
    const got = `got ${shape.join('×')} embeddings`
    if (rows === undefined || dim === undefined || shape.length !== 2) {
      throw new VisslError(ExitCode.usage, `simclr_info_nce_loss takes 2B×D embeddings, ${got}`)
    }
    if (dim !== embedding_dim) {
      throw new VisslError(
        ExitCode.usage,
        `simclr_info_nce_loss: embedding_dim is ${embedding_dim}, ${got}`,
        'set LOSS.simclr_info_nce_loss.buffer_params.embedding_dim to the width of the head',
      )
    }
    if (rows % 2 !== 0) {
      throw new VisslError(
        ExitCode.usage,
        `simclr_info_nce_loss needs two views of every image, ${got}`,
        'collate with simclr_collator and ImgReplicatePil num_times 2',
      )
    }
    if (effective_batch_size !== undefined && rows !== effective_batch_size) {
      throw new VisslError(
        ExitCode.usage,
        `simclr_info_nce_loss: effective_batch_size is ${effective_batch_size}, ${got}`,
        'set DATA.TRAIN.DROP_LAST to true, or check the batch size',
      )
    }
  }

  /** Makes mask and targets for this number of rows, dtype and device, unless they are at hand. */
  #prepare(z: Tensor): void {
    const { dtype, device } = z
    const rows = z.shape[0]!
    const wanted = `${rows} ${dtype} ${device}`
    if (wanted === this.#made) return
    this.mask?.free()
    this.positives?.free()
    noGrad(() => {
      this.mask = new TensorBuffer(ops.zeros([rows, rows], { dtype, device }).fill_diagonal_(-Infinity), {
        persistent: false,
      })
      this.positives = new TensorBuffer(ops.arange(rows, { dtype: 'int64', device }).roll([rows / 2], [0]), {
        persistent: false,
      })
    })
    this.#made = wanted
  }
}

losses.register(SimclrInfoNceLoss.key, SimclrInfoNceLoss)
