import type { z } from 'zod'
import { crossEntropyParams } from '../config/schema/losses/index.ts'
import { type Tensor, TensorBuffer, tensor } from '../engine/index.ts'
import { Loss, type LossContext, losses } from './loss.ts'
import { lossError, matrix } from './messages.ts'
import { classLoss } from './targets.ts'

/**
 * PyTorch's `CrossEntropyLoss`: N×C scores and N class numbers (or N×C probabilities) give a scalar.
 *
 * @throws VisslError when the data has no labels, or a label is no class
 */
export class CrossEntropyLoss extends Loss<z.output<typeof crossEntropyParams>> {
  static readonly key = 'CrossEntropyLoss'
  static readonly params = crossEntropyParams

  readonly weight: TensorBuffer | null

  constructor(params?: unknown) {
    super(params)
    const { weight } = this.params
    this.weight = weight ? new TensorBuffer(tensor(weight)) : null
  }

  override check(context: LossContext): void {
    requireLabels(CrossEntropyLoss.key, context)
  }

  override forward(scores: Tensor | Tensor[], target?: Tensor): Tensor {
    if (Array.isArray(scores)) matrix(CrossEntropyLoss.key, scores)
    const { ignore_index, label_smoothing, reduction } = this.params
    return classLoss(scores as Tensor, target, {
      loss: CrossEntropyLoss.key,
      ignoreIndex: ignore_index,
      weight: this.weight,
      ...(label_smoothing === undefined ? {} : { labelSmoothing: label_smoothing }),
      ...(reduction === undefined ? {} : { reduction }),
    })
  }
}

/** @throws VisslError when targets are indices of samples */
export function requireLabels(loss: string, { labels }: LossContext): void {
  if (labels) return
  throw lossError(
    loss,
    'needs labels, and targets are indices of samples',
    'set config.DATA.TRAIN.LABEL_SOURCES (and LABEL_TYPE standard)',
  )
}

losses.register(CrossEntropyLoss.key, CrossEntropyLoss)
