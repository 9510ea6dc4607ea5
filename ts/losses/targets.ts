import { noGrad, type Tensor } from '../engine/index.ts'
import { functional } from '../nn/index.ts'
import { lossError } from './messages.ts'

/** Options of {@link classLoss}. */
export interface ClassLossOptions {
  /** Name of the loss in messages. */
  readonly loss: string
  readonly ignoreIndex: number
  /** C: weight of each class. */
  readonly weight?: Tensor | null
  readonly labelSmoothing?: number
  readonly reduction?: 'mean' | 'sum'
}

/**
 * Cross entropy with classes (N int64) or probabilities (N×C) as target. It is 0, not NaN, when no target counts.
 *
 * @throws VisslError for a target that is missing, of another size, or beyond the classes
 */
export function classLoss(scores: Tensor, target: Tensor | undefined, options: ClassLossOptions): Tensor {
  const { loss, ignoreIndex, weight, labelSmoothing = 0, reduction = 'mean' } = options
  const labels = requireTarget(loss, target)
  if (scores.shape.length < 2) throw lossError(loss, `takes N×C scores, got ${scores.shape.join('×')}`)
  if (isFloat(labels)) {
    if (String(labels.shape) !== String(scores.shape)) throw unequal(loss, scores, labels)
    return functional.crossEntropy(scores, labels, {
      reduction,
      labelSmoothing,
      ...(weight ? { weight } : {}),
    })
  }
  if (labels.shape[0] !== scores.shape[0] || labels.shape.length !== scores.shape.length - 1) {
    throw unequal(loss, scores, labels)
  }
  if (countValid(loss, labels, scores.shape[1]!, ignoreIndex) === 0) return scores.sum().mul(0)
  return functional.crossEntropy(scores, labels.to('int64'), {
    reduction,
    ignoreIndex,
    labelSmoothing,
    ...(weight ? { weight } : {}),
  })
}

/** The target. @throws VisslError when the data has none */
export function requireTarget(loss: string, target: Tensor | undefined): Tensor {
  if (target !== undefined) return target
  throw lossError(loss, 'needs labels, and the data has none', 'set config.DATA.TRAIN.LABEL_SOURCES')
}

/** Number of targets that count. @throws VisslError when one is no class */
function countValid(loss: string, labels: Tensor, classes: number, ignoreIndex: number): number {
  return noGrad(() => {
    const valid = labels.ne(ignoreIndex)
    const count = valid.sum().item()
    if (count === 0) return 0
    const counted = labels.masked_select(valid)
    const lowest = counted.min().item()
    const highest = counted.max().item()
    if (lowest >= 0 && highest < classes) return count
    throw lossError(
      loss,
      `a label is ${lowest < 0 ? lowest : highest}, and the output has ${classes} columns (labels 0 to ${classes - 1})`,
      `give the last of config.MODEL.HEAD.PARAMS as many outputs as there are classes, set config.DATA.TRAIN.LABEL_TYPE=standard if labels are numbers of images, or set ignore_index (now ${ignoreIndex})`,
    )
  })
}

export const isFloat = (tensor: Tensor): boolean =>
  tensor.dtype.startsWith('float') || tensor.dtype === 'bfloat16'

const unequal = (loss: string, scores: Tensor, labels: Tensor) =>
  lossError(
    loss,
    `scores ${scores.shape.join('×')} and a target ${labels.describe()} do not go together`,
    'check that COLLATE_FUNCTION gives one label for each row of the output',
  )
