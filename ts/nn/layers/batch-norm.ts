import { alone, type ProcessGroup } from '../../distributed/index.ts'
import { noGrad, ops, Parameter, scope, type Tensor, TensorBuffer } from '../../engine/index.ts'
import { ExitCode, VisslError } from '../../errors.ts'
import { newTensor, shapesOnly } from '../device.ts'
import { Layer, type Module } from '../module.ts'
import { syncBatchNorm } from '../sync-batch-norm.ts'

/** Options of batch normalisation. */
export interface BatchNormOptions {
  /** Added to the variance; 1e-5 unless given. */
  readonly eps?: number
  /** Weight of a new batch in the running statistics; 0.1 unless given. */
  readonly momentum?: number
  /** Whether a learned scale and offset follow; true unless given. */
  readonly affine?: boolean
}

/** Batch normalisation (Ioffe & Szegedy 2015, arXiv:1502.03167) over all dimensions but the second. */
export abstract class BatchNorm extends Layer {
  readonly weight: Parameter | null
  readonly bias: Parameter | null
  readonly running_mean: TensorBuffer
  readonly running_var: TensorBuffer
  readonly num_batches_tracked: TensorBuffer
  /** Processes over which statistics are taken in training; see {@link convertSyncBatchNorm}. */
  group: ProcessGroup = alone
  /** Whether a training pass moves the running statistics; off while activations are computed a second time. */
  tracksStatistics = true
  readonly #eps: number
  readonly #momentum: number
  protected abstract readonly ranks: readonly number[]

  constructor(features: number, options: BatchNormOptions = {}) {
    super()
    this.#eps = options.eps ?? 1e-5
    this.#momentum = options.momentum ?? 0.1
    const affine = options.affine !== false
    const make = (value: number) => newTensor([features], value)
    this.weight = affine ? new Parameter(make(1)) : null
    this.bias = affine ? new Parameter(make(0)) : null
    this.running_mean = new TensorBuffer(make(0))
    this.running_var = new TensorBuffer(make(1))
    this.num_batches_tracked = new TensorBuffer(newTensor([], 0, 'int64'))
  }

  /** @throws VisslError in training when every channel holds a single value, or the rank is wrong */
  override forward(input: Tensor): Tensor {
    const { training } = this
    const tracks = training && this.tracksStatistics
    if (training) this.#check(input)
    if (shapesOnly()) return newTensor(input.shape)
    if (tracks) noGrad(() => this.num_batches_tracked.add_(1))
    if (training && this.group.size > 1) return this.#synchronized(input, tracks)
    return ops.batch_norm(
      input,
      this.weight,
      this.bias,
      training && !tracks ? null : this.running_mean,
      training && !tracks ? null : this.running_var,
      training,
      this.#momentum,
      this.#eps,
      true,
    )
  }

  #synchronized(input: Tensor, tracks: boolean): Tensor {
    const running = { mean: this.running_mean, variance: this.running_var, momentum: this.#momentum }
    const { weight, bias } = this
    const state = { weight, bias, eps: this.#eps, running: tracks ? running : null }
    return scope(() => syncBatchNorm(input, state, this.group))
  }

  #check(input: Tensor): void {
    const { shape } = input
    if (!this.ranks.includes(shape.length)) {
      throw new VisslError(
        ExitCode.internal,
        `batch normalisation expects ${this.ranks.join(' or ')} dimensions, got [${shape.join(', ')}]`,
      )
    }
    let values = shape[0]!
    for (let i = 2; i < shape.length; i++) values *= shape[i]!
    if (values * this.group.size === 1) {
      throw new VisslError(
        ExitCode.usage,
        `batch normalisation in training needs more than one value per channel, got [${shape.join(', ')}]`,
        'use a batch of at least 2',
      )
    }
  }
}

/** {@link BatchNorm} of N×C or N×C×L. */
export class BatchNorm1d extends BatchNorm {
  protected override readonly ranks = [2, 3]
}

/** {@link BatchNorm} of N×C×H×W. */
export class BatchNorm2d extends BatchNorm {
  protected override readonly ranks = [4]
}

/**
 * Has every batch normalisation in `module` take its training statistics over all processes of `group`. Names and
 * shapes of the state stay the same; a group of one process changes nothing.
 *
 * @returns how many layers were found
 */
export function convertSyncBatchNorm(module: Module, group: ProcessGroup): number {
  let count = 0
  for (const [, each] of module.namedModules()) {
    if (!(each instanceof BatchNorm)) continue
    each.group = group
    count++
  }
  return count
}
