import { availableParallelism } from 'node:os'
import { describeEpoch } from '../data/index.ts'
import { Tensor } from '../engine/index.ts'
import { type EmbeddingStatistics, embeddingStatistics } from '../eval/embedding-statistics.ts'
import { describeHealth, ENOUGH_STEPS, type Finding, judge, meanOf } from '../eval/learning-verdict.ts'
import type { EventFile, Log, MetricsFile } from '../logging/index.ts'
import type { Hook } from '../train/hook.ts'
import type { Task } from '../train/task.ts'

/** Share of training time that looking at embeddings may take. */
const BUDGET = 0.01
/** Products of numbers that a look may take: all embeddings are compared with one another. */
const PRODUCTS = 5e8
/** Losses that are remembered. */
const RECENT = 100

/** What the hook tells its findings to. */
export interface LearningOutputs {
  readonly log: Log
  readonly metrics: MetricsFile
  /** TensorBoard's, where it is wanted: tags `Learning/…`. */
  readonly events: EventFile | undefined
}

/**
 * Watches whether a run learns. Looks at the embeddings of a batch now and then (how widely they spread, how many
 * dimensions they use, how near the views of an image are), at the loss and at the loader, and says in words what is
 * wrong and what to do, once for each kind of trouble; at the end of an epoch how it goes. Draws no random numbers and
 * changes nothing.
 */
export class LearningHook implements Hook {
  readonly name = 'learning'
  readonly #outputs: LearningOutputs
  readonly #every: number
  readonly #samples: number
  readonly #losses: number[] = []
  readonly #told = new Set<Finding['kind']>()
  readonly #prototypes = new Map<number, Set<number>>()
  #first: EmbeddingStatistics | undefined
  #now: EmbeddingStatistics | undefined
  readonly #firstLosses: number[] = []
  #steps = 0
  #restingSteps = 0
  /** Milliseconds spent looking, and training. */
  #looked = 0
  #trained = 0
  #wait = 0

  /**
   * @param every steps between two looks; 0: as often as 1 % of the time allows, and once an epoch
   * @param samples most embeddings of a look
   */
  constructor(outputs: LearningOutputs, every: number, samples: number) {
    this.#outputs = outputs
    this.#every = every
    this.#samples = samples
  }

  onPhaseStart(task: Task): void {
    if (!task.train) return
    this.#wait = 0
    this.#trained = 0
    this.#looked = 0
    this.#prototypes.clear()
  }

  onLossAndMeter(task: Task): void {
    if (!task.train || task.rank !== 0 || !this.#isDue(task)) return
    const start = performance.now()
    this.#look(task)
    this.#looked += performance.now() - start
  }

  onStep(task: Task): void {
    if (!task.train || task.rank !== 0) return
    const { loss } = task.step
    this.#losses.push(loss)
    if (this.#losses.length > RECENT) this.#losses.shift()
    if (this.#firstLosses.length < ENOUGH_STEPS) this.#firstLosses.push(loss)
    this.#steps++
    this.#restingSteps = task.optimizer.groups.every(({ lr }) => lr === 0) ? this.#restingSteps + 1 : 0
    this.#wait += task.clock.wait
    this.#trained += task.clock.wait + task.clock.step
  }

  onPhaseEnd(task: Task): void {
    if (!task.train || task.rank !== 0) return
    const found = this.#judge(task)
    if (found.some(({ kind }) => kind !== 'slow loader')) return
    this.#outputs.log.info(describeHealth(this.#now, this.#isFalling))
  }

  /** Whether the newest losses are lower than the first, as many of each as there are. */
  get #isFalling(): boolean {
    const count = Math.min(ENOUGH_STEPS, this.#steps >> 1)
    if (count === 0) return false
    return meanOf(this.#losses.slice(-count)) < meanOf(this.#firstLosses.slice(0, count))
  }

  #isDue(task: Task): boolean {
    if (this.#first === undefined || task.epochDone) return true
    return this.#every > 0 ? task.iteration % this.#every === 0 : this.#looked < BUDGET * this.#trained
  }

  #look(task: Task): void {
    const views = viewsOf(task, this.#samples)
    if (views === undefined) return
    this.#now = embeddingStatistics(...views)
    this.#first ??= this.#now
    const { spread, rank, rankLimit, uniformity, alignment } = this.#now
    const { iteration, trainPhaseIdx } = task
    const used = this.#prototypesUsed(task)
    const values = {
      spread,
      rank,
      uniformity,
      ...(alignment === undefined ? {} : { alignment }),
      ...(used === undefined ? {} : { prototypes_used: used }),
    }
    this.#outputs.metrics.write({
      type: 'learning',
      iteration,
      epoch: trainPhaseIdx,
      rank_limit: rankLimit,
      ...values,
    })
    for (const [name, value] of Object.entries(values))
      this.#outputs.events?.scalar(`Learning/${name}`, value, iteration)
    // The first look of a run has nothing to compare with.
    if (this.#now !== this.#first) this.#judge(task)
  }

  /** Tells what is wrong and has not been told. @returns everything that is wrong */
  #judge(task: Task): Finding[] {
    const workers = task.config.DATA.NUM_DATALOADER_WORKERS
    const found = judge({
      now: this.#now,
      first: this.#first,
      recent: this.#losses,
      firstLoss: this.#firstLosses.length < ENOUGH_STEPS ? undefined : meanOf(this.#firstLosses),
      lr: Math.max(0, ...task.optimizer.groups.map(({ lr }) => lr)),
      restingSteps: this.#restingSteps,
      dataWait: this.#trained === 0 ? 0 : this.#wait / this.#trained,
      loader: describeEpoch(task.loader.epochTimes, workers),
      workers,
      cores: availableParallelism(),
    })
    for (const { kind, message, advice } of found) {
      if (this.#told.has(kind)) continue
      this.#told.add(kind)
      this.#outputs.log.warn(`step ${task.iteration} · ${message}\n  try: ${advice}`)
      this.#outputs.metrics.write({ type: 'finding', iteration: task.iteration, kind, message, advice })
    }
    return found
  }

  /** Share of the prototypes that were some image's nearest in this epoch's looks, the least used head's. */
  #prototypesUsed(task: Task): number | undefined {
    const { output } = task.step
    if (!task.config.LOSS.name.startsWith('swav') || !Array.isArray(output) || output.length < 2)
      return undefined
    const shares = output.slice(1).map((scores, head) => {
      const used = this.#prototypes.get(head) ?? new Set<number>()
      this.#prototypes.set(head, used)
      for (const nearest of scores.detach().argmax(1).toTypedArray()) used.add(Number(nearest))
      return used.size / (scores.shape[1] ?? 1)
    })
    return Math.min(...shares)
  }
}

/** Embeddings of different images, and the second views of the same images where there are any. */
function viewsOf(task: Task, samples: number): [Tensor, Tensor?] | undefined {
  const { output, batchSize } = task.step
  const embeddings = Array.isArray(output) ? output[0] : output
  if (!(embeddings instanceof Tensor) || embeddings.shape.length !== 2) return undefined
  const [rows = 0, width = 0] = embeddings.shape
  const affordable = Math.floor(Math.sqrt(PRODUCTS / Math.max(1, width)))
  const count = Math.min(samples, batchSize, rows, affordable)
  if (count < 2 || width < 2) return undefined
  const first = embeddings.narrow(0, 0, count)
  const hasViews = rows >= 2 * batchSize && rows % batchSize === 0
  return hasViews ? [first, embeddings.narrow(0, batchSize, count)] : [first]
}
