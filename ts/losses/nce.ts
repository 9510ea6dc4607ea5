import type { z } from 'zod'
import { nceParams } from '../config/schema/losses/index.ts'
import { allReduce, broadcast, gather } from '../distributed/index.ts'
import { isGradEnabled, noGrad, ops, type Tensor, TensorBuffer, tensor } from '../engine/index.ts'
import { functional, Module } from '../nn/index.ts'
import { AliasSampler } from './alias-sampler.ts'
import { Loss, type LossContext, losses } from './loss.ts'
import { newMemory, updateMemory } from './memory-bank.ts'
import { listOf, lossError, matrix } from './messages.ts'
import { mean } from './swav.ts'
import { requireTarget } from './targets.ts'

type NceParams = z.output<typeof nceParams>

const KEY = 'nce_loss_with_memory'
/** Smallest step of float32 at 1. */
const EPS = 2 ** -23
/** Places of Z in `params`. */
const PARTITION = 2

/**
 * Noise-contrastive estimation, or a softmax, over a memory bank of all training images: NPID (Wu et al. 2018,
 * arXiv:1805.01978), NPID++ and PIRL (Misra & van der Maaten 2020, arXiv:1912.01991).
 *
 * Input: one embedding B×D or several of the same images, and B int64 indices of the images (`sample_index` labels).
 * Output: a scalar, the weighted sum over the embeddings. Each is compared with its image's row of the memory and with
 * K rows drawn evenly (the image's own may be among them). Rows then move towards the embeddings, while gradients are
 * recorded. `nce`'s partition constant Z is estimated from the first batch, once.
 *
 * @throws VisslError for sizes that do not fit, indices beyond the memory, and a memory larger than this machine's
 */
export class NceLossWithMemory extends Loss<NceParams> {
  static readonly key = KEY
  static readonly params = nceParams

  readonly nce_average: NceMemory
  #shared = false

  constructor(params?: unknown) {
    super(params)
    const { memory_params, update_mem_with_emb_index } = this.params
    if (!memory_params.update_mem_on_forward && update_mem_with_emb_index < 0) {
      throw lossError(
        KEY,
        'nothing would update the memory',
        `set config.LOSS.${KEY}.update_mem_with_emb_index to 0 or more, or memory_params.update_mem_on_forward=true`,
      )
    }
    this.nce_average = new NceMemory(this.params)
  }

  override check({ labels, warn }: LossContext): void {
    if (labels) warn?.(`${KEY} takes indices of samples as targets: set DATA.TRAIN.LABEL_TYPE=sample_index`)
  }

  override forward(output: Tensor | Tensor[], target?: Tensor): Tensor {
    const outputs = listOf(output)
    const { loss_weights, loss_type, memory_params, update_mem_with_emb_index: updater } = this.params
    if (outputs.length !== loss_weights.length) {
      throw lossError(
        KEY,
        `the model gave ${outputs.length} embeddings, and loss_weights has ${loss_weights.length}`,
        `give config.LOSS.${KEY}.loss_weights one weight for each head`,
      )
    }
    this.#share()
    const { rows, indices } = this.#counted(requireTarget(KEY, target), outputs[0]!.shape[0]!)
    const terms = outputs.map((each, i) => {
      matrix(KEY, each, memory_params.embedding_dim)
      const given = rows === undefined ? each : each.index_select(0, rows)
      const embeddings = this.params.norm_embedding ? functional.normalize(given) : given
      const scores = this.nce_average.call(embeddings, indices)
      if (isGradEnabled() && (memory_params.update_mem_on_forward || i === updater)) {
        this.nce_average.update(embeddings, indices)
      }
      const value = loss_type === 'nce' ? this.#nce(scores) : firstColumnLoss(scores)
      return value.mul(loss_weights[i]!)
    })
    return mean(terms).mul(terms.length)
  }

  /** Makes all processes start from the memory of the first. */
  #share(): void {
    if (!this.#shared) broadcast(this.nce_average.memory)
    this.#shared = true
  }

  /** The rows with an index that counts (undefined: all), and the indices. */
  #counted(target: Tensor, batch: number): { rows: Tensor | undefined; indices: Tensor } {
    const all = target.reshape([-1]).to('int64')
    if (all.shape[0] !== batch)
      throw lossError(KEY, `${batch} embeddings and ${all.shape[0]} indices of images`)
    const counts = all.ne(this.params.ignore_index ?? -1)
    const isWhole = counts.all().item() !== 0
    const rows = isWhole ? undefined : counts.nonzero().reshape([-1])
    const indices = rows === undefined ? all : all.index_select(0, rows)
    const images = this.nce_average.memory.shape[0]!
    const outside = indices.lt(0).logical_or(indices.ge(images))
    if (outside.any().item() === 0) return { rows, indices }
    const wrong = indices.masked_select(outside).select(0, 0).item()
    throw lossError(
      KEY,
      `a target is ${wrong}, and the memory has ${images} rows`,
      'targets are indices of training images: set config.DATA.TRAIN.LABEL_TYPE=sample_index',
    )
  }

  /** Log-likelihood of telling the image (column 0) from noise that is even over all images. */
  #nce(scores: Tensor): Tensor {
    const [batch, columns] = scores.shape as [number, number]
    const noise = (columns - 1) / this.nce_average.memory.shape[0]!
    const positive = scores.narrow(1, 0, 1)
    const negative = scores.narrow(1, 1, columns - 1)
    const isImage = positive
      .div(positive.add(noise + EPS))
      .log()
      .sum()
    const isNoise = negative
      .add(noise + EPS)
      .reciprocal()
      .mul(noise)
      .log()
      .sum()
    return isImage.add(isNoise).div(-batch)
  }
}

function firstColumnLoss(scores: Tensor): Tensor {
  const first = ops.zeros([scores.shape[0]!], { dtype: 'int64', device: scores.device })
  return functional.crossEntropy(scores, first)
}

/** The memory bank and the comparison with it. */
export class NceMemory extends Module {
  /** N×D. */
  readonly memory: TensorBuffer
  /** [K, T, Z, momentum]; Z is −1 until it is known. */
  readonly params: TensorBuffer
  readonly multinomial: AliasSampler
  readonly #settings: NceParams

  constructor(settings: NceParams) {
    super()
    this.#settings = settings
    const { memory_params, num_train_samples: images, temperature, norm_constant } = settings
    if (images < 1) {
      throw lossError(
        KEY,
        `the memory has one row for each training image, and num_train_samples is ${images}`,
        `set config.LOSS.${KEY}.num_train_samples to the number of images`,
      )
    }
    const memory = newMemory(KEY, images, memory_params.embedding_dim, 'memory_params.embedding_dim')
    this.memory = new TensorBuffer(
      memory_params.norm_init ? noGrad(() => functional.normalize(memory)) : memory,
    )
    const { num_negatives } = settings.negative_sampling_params
    this.params = new TensorBuffer(
      tensor(Float32Array.of(num_negatives, temperature, norm_constant, memory_params.momentum)),
    )
    this.multinomial = new AliasSampler(images)
  }

  /**
   * Similarities with the own row (column 0) and with K others; for `nce` their exponentials over Z.
   *
   * @param embeddings B×D
   * @param indices B int64
   * @returns B×(K+1)
   */
  override forward(embeddings: Tensor, indices: Tensor): Tensor {
    const [batch, dim] = embeddings.shape as [number, number]
    const drawn = this.draw(batch)
    const rows = ops.cat([indices.unsqueeze(1), drawn], 1)
    const columns = rows.shape[1]!
    const compared = noGrad(() => this.memory.index_select(0, rows.reshape([-1])).view([batch, columns, dim]))
    const similarities = compared.to(embeddings.dtype).bmm(embeddings.unsqueeze(2)).squeeze(2)
    const scores = similarities.div(this.#settings.temperature)
    if (this.#settings.loss_type === 'cross_entropy') return scores
    const likelihoods = scores.exp()
    return likelihoods.div(this.#partition(likelihoods))
  }

  /** B×K int64: rows to compare with. */
  draw(batch: number): Tensor {
    return this.multinomial.call([batch, this.#settings.negative_sampling_params.num_negatives])
  }

  /** Moves the rows of the images of all processes towards their embeddings. */
  update(embeddings: Tensor, indices: Tensor): void {
    noGrad(() => {
      const values = gather(embeddings.detach().contiguous())
      updateMemory(this.memory, gather(indices.contiguous()), values, this.#settings.memory_params.momentum)
    })
  }

  /** Z: the mean over columns and processes of the first batch times the number of images. */
  #partition(likelihoods: Tensor): number {
    return noGrad(() => {
      const stored = this.params.select(0, PARTITION)
      if (stored.item() < 0) {
        const average = likelihoods.mean()
        allReduce(average, 'mean')
        stored.copy_(average.mul(this.memory.shape[0]!))
      }
      return stored.item()
    })
  }
}

losses.register(NceLossWithMemory.key, NceLossWithMemory)
