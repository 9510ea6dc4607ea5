import { fromMemory, type Tensor } from '../engine/index.ts'
import { dataError, type NativeBatch, type NativeTensor } from './native.ts'

/** All tensors of a batch by their role; which entries there are depends on the collator. */
export interface BatchTensors<T> {
  /** float32, N×C×H×W each; the crops of `multicrop_collator` in order. */
  data: T[]
  /** int64, N or N×K each; −1 where there is no label. Soft targets are float32, N×K. */
  label: T[]
  /** int64, N each: indices of the samples. */
  dataIdx: T[]
  /** int64, N each: 1, or −1 where a gray image stands in for one that could not be decoded; of some collators bool. */
  dataValid: T[]
}

/**
 * One batch of a loader. Its memory is handed over without a copy, once; what is not taken is freed when the next
 * batch is asked for.
 */
export class TrainingBatch {
  /** Number of the batch within its epoch. */
  readonly index: number
  /** Images of the batch, each counted once whatever the number of its views. */
  readonly size: number
  readonly #native: NativeBatch

  constructor(native: NativeBatch) {
    this.#native = native
    this.index = native.index
    this.size = native.size
  }

  /**
   * Names of the tensors that were not taken: `data.0`, `label.0`, `data_idx.0`, `data_valid.0`, `data.1`, …; crops are
   * `data.0.0`, `data.0.1`, …; MoCo's second view is `data_momentum.0`, patches are `images.0` and `patches.0`.
   */
  get names(): string[] {
    return this.#native.names
  }

  /**
   * Takes the memory of a tensor; the caller calls its release function once.
   *
   * @throws VisslError when there is no such tensor or it was taken
   */
  takeMemory(name: string): NativeTensor {
    return this.#memory(name)
  }

  #memory(name: string): NativeTensor {
    try {
      return this.#native.take(name)
    } catch (error) {
      throw dataError(error)
    }
  }

  /** Takes a tensor. It belongs to the scope in which this is called. */
  take(name: string): Tensor {
    const memory = this.#memory(name)
    return fromMemory(
      memory,
      memory.shape,
      memory.dtype,
      memory.channelsLast ? 'channels_last' : 'contiguous',
    )
  }

  /**
   * Takes what a model and a loss need: the first image tensor N×C×H×W and its labels N, which is all that
   * `simclr_collator` makes and all that `default_collate` makes of one view.
   */
  tensors(): { input: Tensor; target: Tensor } {
    return { input: this.take('data.0'), target: this.take('label.0') }
  }

  /** Takes every tensor that is left. */
  takeAll(): BatchTensors<Tensor> {
    return this.#all((name) => this.take(name))
  }

  /** Takes the memory of every tensor that is left. */
  takeAllMemory(): BatchTensors<NativeTensor> {
    return this.#all((name) => this.takeMemory(name))
  }

  /** Frees what was not taken. */
  free(): void {
    this.#native.free()
  }

  #all<T>(take: (name: string) => T): BatchTensors<T> {
    const names = this.names
    const of = (role: string): T[] => names.filter((name) => name.startsWith(`${role}.`)).map(take)
    return { data: of('data'), label: of('label'), dataIdx: of('data_idx'), dataValid: of('data_valid') }
  }
}
