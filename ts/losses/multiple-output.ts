import type { z } from 'zod'
import { multipleBceParams, multipleCrossEntropyParams } from '../config/schema/losses/index.ts'
import { ops, type Tensor, TensorBuffer, tensor } from '../engine/index.ts'
import { functional } from '../nn/index.ts'
import { requireLabels } from './cross-entropy.ts'
import { Loss, type LossContext, losses } from './loss.ts'
import { listOf, lossError } from './messages.ts'
import { classLoss, requireTarget } from './targets.ts'

/**
 * Sum over the outputs (N×C each, such as those of several linear classifiers) of the mean cross entropy with one
 * target: N classes as int64, or N×C probabilities. Outputs are divided by `temperature`, and before that scaled to
 * length 1 with `normalize_output`. It is 0 when no target counts. `reduction` is read by nothing, as in VISSL.
 *
 * @throws VisslError when labels are missing, of another number, or beyond the classes
 */
export class CrossEntropyMultipleOutputSingleTarget extends Loss<
  z.output<typeof multipleCrossEntropyParams>
> {
  static readonly key = 'cross_entropy_multiple_output_single_target'
  static readonly params = multipleCrossEntropyParams

  readonly weight: TensorBuffer | null

  constructor(params?: unknown) {
    super(params)
    const { weight } = this.params
    this.weight = weight === null ? null : new TensorBuffer(tensor(weight), { persistent: false })
  }

  override check(context: LossContext): void {
    requireLabels(CrossEntropyMultipleOutputSingleTarget.key, context)
  }

  override forward(output: Tensor | Tensor[], target?: Tensor): Tensor {
    const { normalize_output, temperature, ignore_index, label_smoothing = 0 } = this.params
    const options = {
      loss: CrossEntropyMultipleOutputSingleTarget.key,
      ignoreIndex: ignore_index,
      labelSmoothing: label_smoothing,
      weight: this.weight,
    }
    return total(
      listOf(output).map((scores) => {
        const logits = normalize_output ? functional.normalize(scores) : scores
        return classLoss(temperature === 1 ? logits : logits.div(temperature), target, options)
      }),
    )
  }
}

/**
 * Sum over the outputs (N×C logits each) of the binary cross entropy with one target N×C of 1, 0 and −1. Elements
 * with target −1 do not count; each class is divided by the number of rows that count for it (at least 1), and the
 * classes are summed up.
 *
 * @throws VisslError when labels are missing or of another shape
 */
export class BceLogitsMultipleOutputSingleTarget extends Loss<z.output<typeof multipleBceParams>> {
  static readonly key = 'bce_logits_multiple_output_single_target'
  static readonly params = multipleBceParams

  override check(context: LossContext): void {
    requireLabels(BceLogitsMultipleOutputSingleTarget.key, context)
  }

  override forward(output: Tensor | Tensor[], target?: Tensor): Tensor {
    const name = BceLogitsMultipleOutputSingleTarget.key
    const labels = requireTarget(name, target)
    const counts = labels.ne(-1)
    return total(
      listOf(output).map((scores) => {
        if (String(scores.shape) !== String(labels.shape)) {
          throw lossError(
            name,
            `an output is ${scores.shape.join('×')} and the target ${labels.shape.join('×')}`,
            'use labels of several classes (one column for each), and a head of that width',
          )
        }
        const logits = this.params.normalize_output ? functional.normalize(scores) : scores
        const rows = counts.sum([0], true).clamp_min(1)
        const weight = counts.to(logits.dtype).div(rows)
        return ops.binary_cross_entropy_with_logits(logits, labels.to(logits.dtype), weight, null, SUM)
      }),
    )
  }
}

const SUM = 2

function total(values: readonly Tensor[]): Tensor {
  return values.slice(1).reduce((sum, value) => sum.add(value), values[0]!)
}

losses.register(CrossEntropyMultipleOutputSingleTarget.key, CrossEntropyMultipleOutputSingleTarget)
losses.register(BceLogitsMultipleOutputSingleTarget.key, BceLogitsMultipleOutputSingleTarget)
