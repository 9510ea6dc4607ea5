import { Tensor } from '../engine/index.ts'
import { addProjection, type EventFile, roundTo } from '../logging/index.ts'
import type { Hook } from '../train/hook.ts'
import type { Task } from '../train/task.ts'
import { histogramOf } from './histogram.ts'
import { normalisationOf, viewGrid } from './views.ts'

/** Images in a row of the grid of views. */
const SHOWN = 8

/**
 * Writes TensorBoard's event files under VISSL's tags: `Training/Loss`, `Training/Learning_rate`, `Speed/…`, histograms
 * `Parameters/NAME` and `Gradients/NAME`; and of our own the augmented views as images (`Images/…`) and, where asked,
 * embeddings for the projector. First rank only.
 */
export class TensorboardHook implements Hook {
  readonly name = 'tensorboard'
  readonly #events: EventFile
  readonly #folder: string
  #flushedAt = Date.now()
  #embeddings: { vectors: Float32Array; width: number; labels: string[] } | undefined

  /**
   * @param events closed by whoever made it
   * @param folder of the event file
   */
  constructor(events: EventFile, folder: string) {
    this.#events = events
    this.#folder = folder
  }

  onPhaseStart(task: Task): void {
    if (task.train && task.trainPhaseIdx === 0 && task.config.TENSORBOARD_SETUP.LOG_PARAMS)
      this.#parameters(task, -1)
  }

  /** Comes before the batch is counted: its number is that of the batch before, so that there is a 0. */
  onForward(task: Task): void {
    if (!task.train) return
    const { LOG_PARAMS, LOG_PARAMS_EVERY_N_ITERS, LOG_IMAGES } = task.config.TENSORBOARD_SETUP
    if (LOG_PARAMS && isDue(task.iteration, LOG_PARAMS_EVERY_N_ITERS)) this.#parameters(task, task.iteration)
    if (LOG_IMAGES && task.batches === 0) this.#images(task)
  }

  onUpdate(task: Task): void {
    const { LOG_PARAMS_GRADIENTS, LOG_PARAMS_EVERY_N_ITERS, LOG_EMBEDDINGS } = task.config.TENSORBOARD_SETUP
    if (LOG_PARAMS_GRADIENTS && isDue(task.iteration, LOG_PARAMS_EVERY_N_ITERS))
      this.#gradients(task, task.iteration)
    if (LOG_EMBEDDINGS > 0 && task.epochDone) this.#holdEmbeddings(task, LOG_EMBEDDINGS)
  }

  onStep(task: Task): void {
    const { LOG_FREQUENCY, TENSORBOARD_SETUP } = task.config
    const { iteration } = task
    const isLineDue = isDue(iteration, LOG_FREQUENCY) || (iteration <= 100 && isDue(iteration, 5))
    if (task.train && isLineDue) this.#scalars(task)
    if (Date.now() - this.#flushedAt < TENSORBOARD_SETUP.FLUSH_EVERY_N_MIN * 60_000) return
    this.#flush()
  }

  onPhaseEnd(task: Task): void {
    if (!task.train) return
    const { LOG_PARAMS, LOG_PARAMS_GRADIENTS } = task.config.TENSORBOARD_SETUP
    if (LOG_PARAMS) this.#parameters(task, task.trainPhaseIdx)
    if (LOG_PARAMS_GRADIENTS) this.#gradients(task, task.trainPhaseIdx)
    if (this.#embeddings !== undefined)
      addProjection(this.#folder, { name: `epoch_${task.trainPhaseIdx + 1}`, ...this.#embeddings })
    this.#embeddings = undefined
    this.#flush()
  }

  onStop(): void {
    this.#flush()
  }

  onEnd(): void {
    this.#flush()
  }

  #flush(): void {
    this.#flushedAt = Date.now()
    this.#events.flush()
  }

  #scalars(task: Task): void {
    const { iteration, batchTimes, config } = task
    const put = (tag: string, value: number) => this.#events.scalar(tag, value, iteration)
    put('Training/Loss', roundTo(task.step.loss, 5))
    // The trunk's rate where heads have their own: the reference fails there.
    put('Training/Learning_rate', roundTo(task.optimizer.groups[0]?.lr ?? 0, 5))
    // Before the first batch is done there is nothing to say of speed.
    if (batchTimes.count === 0) return
    put('Speed/Batch_processing_time_ms', Math.trunc(batchTimes.mean * 1000))
    put('Speed/img_per_sec_per_gpu', Math.trunc(config.DATA.TRAIN.BATCHSIZE_PER_REPLICA / batchTimes.mean))
    put('Speed/ETA_hours', (batchTimes.mean * (task.maxIteration - iteration)) / 3600)
  }

  #parameters(task: Task, step: number): void {
    for (const [name, parameter] of task.model.namedParameters())
      this.#histogram(`Parameters/${name}`, parameter, step)
  }

  #gradients(task: Task, step: number): void {
    for (const [name, parameter] of task.model.namedParameters()) {
      using gradient = parameter.grad
      if (gradient !== null) this.#histogram(`Gradients/${name}`, gradient, step)
    }
  }

  #histogram(tag: string, values: Tensor, step: number): void {
    const histogram = histogramOf(values)
    if (histogram !== undefined) this.#events.histogram(tag, histogram, step)
  }

  /** Views share a size and lie one after another; crops of other sizes get a picture of their own. */
  #images(task: Task): void {
    const { input, batchSize } = task.step
    const normalisation = normalisationOf(task.config.DATA.TRAIN.TRANSFORMS)
    const named = input instanceof Tensor ? [['views', input] as const] : Object.entries(input as object)
    for (const [name, images] of named as [string, Tensor][]) {
      const [rows = 0, channels = 0, ...size] = images.shape
      const isImages = size.length === 2 && channels >= 1 && rows >= batchSize && rows % batchSize === 0
      if (!isImages) continue
      const pixels = viewGrid(images, rows / batchSize, SHOWN, normalisation)
      this.#events.image(`Images/${input instanceof Tensor ? name : `input_${name}`}`, pixels, task.iteration)
    }
  }

  /** The embeddings of the epoch's last batch, and its labels. */
  #holdEmbeddings(task: Task, most: number): void {
    const { output, target } = task.step
    const first = Array.isArray(output) ? output[0] : output
    if (first === undefined || first.shape.length !== 2) return
    const [rows = 0, width = 0] = first.shape
    const count = Math.min(rows, most)
    const vectors = first.detach().narrow(0, 0, count).to({ device: 'cpu', dtype: 'float32' }).toTypedArray()
    const labels =
      target instanceof Tensor && target.shape[0] === rows
        ? Array.from(target.narrow(0, 0, count).toTypedArray(), String)
        : Array.from({ length: count }, (_, row) => String(row))
    this.#embeddings = { vectors: vectors as Float32Array, width, labels }
  }
}

const isDue = (iteration: number, every: number): boolean => every > 0 && iteration % every === 0
