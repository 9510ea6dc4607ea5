import { z } from 'zod'
import { type Tensor, TensorBuffer, tensor } from '../engine/index.ts'
import { ExitCode, VisslError } from '../errors.ts'
import { functional } from '../nn/index.ts'
import { Loss, losses } from './loss.ts'

const crossEntropyParams = z.object({
  weight: z.array(z.number()).nullable().default(null).describe('weight of each class'),
  ignore_index: z.number().int().default(-100).describe('targets of this class do not count'),
  reduction: z.enum(['mean', 'sum', 'none']).default('mean').describe('how the samples are summed up'),
  label_smoothing: z.number().min(0).max(1).default(0).describe('target mass spread over all classes'),
})

/**
 * PyTorch's `CrossEntropyLoss`: N×C scores and N class numbers (or N×C probabilities) give a scalar.
 *
 * @throws VisslError when the data has no labels
 */
export class CrossEntropyLoss extends Loss<z.output<typeof crossEntropyParams>> {
  static readonly key = 'CrossEntropyLoss'
  static readonly params = crossEntropyParams

  readonly weight: TensorBuffer | null

  constructor(params?: unknown) {
    super(params)
    const { weight } = this.params
    this.weight = weight === null ? null : new TensorBuffer(tensor(weight))
  }

  override forward(scores: Tensor, target?: Tensor): Tensor {
    if (target === undefined) {
      throw new VisslError(ExitCode.usage, 'CrossEntropyLoss needs labels', 'set DATA.TRAIN.LABEL_SOURCES')
    }
    return functional.crossEntropy(scores, target, {
      reduction: this.params.reduction,
      ignoreIndex: this.params.ignore_index,
      labelSmoothing: this.params.label_smoothing,
      ...(this.weight === null ? {} : { weight: this.weight }),
    })
  }
}

losses.register(CrossEntropyLoss.key, CrossEntropyLoss)
