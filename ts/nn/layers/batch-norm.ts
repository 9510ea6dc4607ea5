import { noGrad, ops, Parameter, type Tensor, TensorBuffer } from '../../engine/index.ts'
import { ExitCode, VisslError } from '../../errors.ts'
import { Layer } from '../module.ts'

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
  readonly #eps: number
  readonly #momentum: number
  protected abstract readonly ranks: readonly number[]

  constructor(features: number, options: BatchNormOptions = {}) {
    super()
    this.#eps = options.eps ?? 1e-5
    this.#momentum = options.momentum ?? 0.1
    const affine = options.affine !== false
    const make = (value: number) => ops.full([features], value, { dtype: 'float32' })
    this.weight = affine ? new Parameter(make(1)) : null
    this.bias = affine ? new Parameter(make(0)) : null
    this.running_mean = new TensorBuffer(make(0))
    this.running_var = new TensorBuffer(make(1))
    this.num_batches_tracked = new TensorBuffer(ops.zeros([], { dtype: 'int64' }))
  }

  /** @throws VisslError in training when every channel holds a single value, or the rank is wrong */
  override forward(input: Tensor): Tensor {
    const { training } = this
    if (training) {
      this.#check(input)
      noGrad(() => this.num_batches_tracked.add_(1))
    }
    return ops.batch_norm(
      input,
      this.weight,
      this.bias,
      this.running_mean,
      this.running_var,
      training,
      this.#momentum,
      this.#eps,
      true,
    )
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
    if (values === 1) {
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
