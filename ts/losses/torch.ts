import type { z } from 'zod'
import { plainLossParams } from '../config/schema/losses/index.ts'
import { ops, type Tensor, TensorBuffer, tensor } from '../engine/index.ts'
import { Loss, losses } from './loss.ts'
import { listOf, lossError } from './messages.ts'
import { isFloat, requireTarget } from './targets.ts'

type PlainLossParams = z.output<typeof plainLossParams>

/** What an operator of a plain loss is given. */
interface Call {
  readonly output: Tensor
  readonly target: Tensor
  readonly weight: Tensor | null
  readonly positiveWeight: Tensor | null
  /** Mean 1, sum 2. */
  readonly reduction: number
  readonly params: PlainLossParams
}

type Operator = (call: Call) => Tensor

/** Losses whose target has the output's shape and dtype. */
const regressions: Readonly<Record<string, Operator>> = {
  L1Loss: ({ output, target, reduction }) => ops.l1_loss(output, target, reduction),
  MSELoss: ({ output, target, reduction }) => ops.mse_loss(output, target, reduction),
  SmoothL1Loss: ({ output, target, reduction, params }) =>
    ops.smooth_l1_loss(output, target, reduction, params.beta),
  HuberLoss: ({ output, target, reduction, params }) =>
    ops.huber_loss(output, target, reduction, params.delta),
  BCELoss: ({ output, target, weight, reduction }) =>
    ops.binary_cross_entropy(output, target, weight, reduction),
  BCEWithLogitsLoss: ({ output, target, weight, positiveWeight, reduction }) =>
    ops.binary_cross_entropy_with_logits(output, target, weight, positiveWeight, reduction),
  KLDivLoss: ({ output, target, reduction, params }) =>
    ops.kl_div(output, target, reduction, { log_target: params.log_target }),
  PoissonNLLLoss: ({ output, target, reduction, params }) =>
    ops.poisson_nll_loss(output, target, params.log_input, params.full, params.eps, reduction),
  SoftMarginLoss: ({ output, target, reduction }) => ops.soft_margin_loss(output, target, reduction),
  HingeEmbeddingLoss: ({ output, target, reduction, params }) =>
    ops.hinge_embedding_loss(output, target, params.margin ?? 1, reduction),
  MultiLabelSoftMarginLoss: ({ output, target, weight, reduction }) => {
    const elements = ops.binary_cross_entropy_with_logits(output, target, weight, null, 0)
    const rows = elements.mean([-1])
    return reduction === SUM ? rows.sum() : rows.mean()
  },
}

/** Losses whose target names classes. */
const classifications: Readonly<Record<string, Operator>> = {
  NLLLoss: ({ output, target, weight, reduction, params }) =>
    ops.nll_loss_nd(output, target, weight, reduction, params.ignore_index),
  MultiMarginLoss: ({ output, target, weight, reduction, params }) =>
    ops.multi_margin_loss(output, target, params.p, params.margin ?? 1, weight, reduction),
  MultiLabelMarginLoss: ({ output, target, reduction }) =>
    ops.multilabel_margin_loss(output, target, reduction),
}

const SUM = 2

function plainLoss(key: string, operator: Operator, classes: boolean) {
  return class extends Loss<PlainLossParams> {
    static readonly key = key
    static readonly params = plainLossParams

    readonly weight: TensorBuffer | null = null
    readonly pos_weight: TensorBuffer | null = null

    constructor(params?: unknown) {
      super(params)
      const { weight, pos_weight } = this.params
      if (weight) this.weight = new TensorBuffer(tensor(weight))
      if (pos_weight) this.pos_weight = new TensorBuffer(tensor(pos_weight))
    }

    override forward(outputs: Tensor | Tensor[], labels?: Tensor): Tensor {
      const [output, ...rest] = listOf(outputs) as [Tensor, ...Tensor[]]
      if (rest.length > 0) throw lossError(key, `takes one output, and the model gave ${rest.length + 1}`)
      const target = requireTarget(key, labels)
      const sameShape = String(output.shape) === String(target.shape)
      if (!classes && !sameShape) {
        throw lossError(
          key,
          `the output is ${output.shape.join('×')} and the target ${target.shape.join('×')}`,
          'use a target of the shape of the output',
        )
      }
      return operator({
        output,
        target: classes ? target.to('int64') : isFloat(target) ? target : target.to(output.dtype),
        weight: this.weight,
        positiveWeight: this.pos_weight,
        reduction: this.params.reduction === 'sum' ? SUM : 1,
        params: this.params,
      })
    }
  }
}

for (const [key, operator] of Object.entries(regressions)) {
  losses.register(key, plainLoss(key, operator, false))
}
for (const [key, operator] of Object.entries(classifications)) {
  losses.register(key, plainLoss(key, operator, true))
}
