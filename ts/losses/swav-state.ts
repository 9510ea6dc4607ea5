import { noGrad, ops, type Tensor, TensorBuffer } from '../engine/index.ts'
import { Module } from '../nn/index.ts'
import { lossError } from './messages.ts'

/** Sizes of the state of a SwAV loss. */
export interface SwavSizes {
  readonly loss: string
  /** Crops that give codes. */
  readonly crops: number
  readonly embeddingDim: number
  /** Prototypes of each head. */
  readonly prototypes: readonly number[]
  /** Rows of a queue in this process; 0: no queue. */
  readonly queueLength: number
  /** Iteration from which the queue is used. */
  readonly queueStart: number
  /** Whether the queue's scores are kept too, from one iteration to the next. */
  readonly keepsScores: boolean
}

/**
 * What a SwAV loss remembers: iterations done, the latest embeddings of each crop that gives codes (A×M×D, newest
 * first), and their scores for each head (A×M×K).
 */
export class SwavState extends Module {
  readonly num_iteration = new TensorBuffer(ops.zeros([1], { dtype: 'int64' }))
  readonly scoreQueues: readonly TensorBuffer[]
  readonly embeddingQueue: TensorBuffer | null
  readonly #sizes: SwavSizes

  constructor(sizes: SwavSizes) {
    super()
    this.#sizes = sizes
    const { crops, queueLength: length, embeddingDim, prototypes, keepsScores } = sizes
    const uniform = (columns: number, bound: number) =>
      new TensorBuffer(
        noGrad(() =>
          ops
            .rand([crops, length, columns])
            .mul_(2 * bound)
            .sub_(bound),
        ),
      )
    this.scoreQueues = length > 0 && keepsScores ? prototypes.map((columns) => uniform(columns, 1)) : []
    this.embeddingQueue = length > 0 ? uniform(embeddingDim, 1 / Math.sqrt(embeddingDim / 3)) : null
  }

  override *ownTensors(): Generator<[string, TensorBuffer]> {
    yield ['num_iteration', this.num_iteration]
    for (const [head, queue] of this.scoreQueues.entries()) yield [`local_queue${head}`, queue]
    if (this.embeddingQueue !== null) yield ['local_emb_queue', this.embeddingQueue]
  }

  override forward(): never {
    throw lossError(this.#sizes.loss, 'its state is not called')
  }

  /** Iterations done. */
  get iteration(): number {
    return this.num_iteration.item()
  }

  /** Whether the queue takes part in the iteration that comes. */
  get usesQueue(): boolean {
    return this.embeddingQueue !== null && this.iteration >= this.#sizes.queueStart
  }

  /** Whether the queue took part in the last iteration; its scores need to be brought up to date. */
  get usedQueue(): boolean {
    return this.embeddingQueue !== null && this.iteration > this.#sizes.queueStart
  }

  /**
   * Ends an iteration.
   *
   * @param newest A·B×D and possibly more: embeddings of the crops, crop by crop
   * @param crops which of them give codes
   * @param rows B
   */
  advance(newest: Tensor, crops: readonly number[], rows: number): void {
    const { embeddingQueue, usesQueue } = this
    noGrad(() => {
      if (embeddingQueue !== null && usesQueue) {
        for (const [i, crop] of crops.entries()) {
          this.#push(embeddingQueue.select(0, i), newest.detach().narrow(0, crop * rows, rows))
        }
      }
      this.num_iteration.add_(1)
    })
  }

  #push(queue: Tensor, newest: Tensor): void {
    const [length] = queue.shape as [number]
    const [rows] = newest.shape as [number]
    if (rows > length) {
      throw lossError(
        this.#sizes.loss,
        `the queue holds ${length} rows and a batch has ${rows}`,
        `set queue.queue_length of config.LOSS.${this.#sizes.loss} to a multiple of the global batch`,
      )
    }
    const kept = queue.narrow(0, 0, length - rows)
    queue.copy_(ops.cat([newest.to(queue.dtype), kept], 0))
  }
}
