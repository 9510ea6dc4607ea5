import { z } from 'zod'
import { flag, nonNegative, own } from './fields.ts'

/** A share that is kept from step to step. */
const share = (value: number, description: string) =>
  z.number().min(0).lt(1).default(value).describe(description)

const lr = (value: number) => nonNegative(value, 'learning rate until a schedule sets one')
const weight_decay = nonNegative(1e-4, 'L2 penalty')
const momentum = share(0.9, 'share of the last update that is kept')
const eps = (value: number) => nonNegative(value, 'added to the denominator')
const fused = flag(true, own('one native operator for the whole update; false: elementary operators'))
const betas = z
  .tuple([z.number().min(0).lt(1), z.number().min(0).lt(1)])
  .default([0.9, 0.999])
  .describe('share kept of the running means of gradient and squared gradient')

/** `sgd`. */
export const sgdParams = z.object({
  lr: lr(0.1),
  momentum,
  weight_decay,
  nesterov: flag(false, 'look ahead along the momentum'),
  fused,
})

/** `lars`. */
export const larsParams = z.object({
  lr: lr(0.1),
  momentum,
  weight_decay,
  trust_coefficient: nonNegative(0.001, 'how far a step may go relative to the weights'),
  eps: eps(1e-8),
  skip_vectors: flag(false, 'biases and the scales of normalisation take the step of plain SGD, undecayed'),
})

/** `adam` and `adamw`. */
export const adamParams = z.object({
  lr: lr(1e-3),
  betas,
  eps: eps(1e-8),
  weight_decay,
  amsgrad: flag(false, 'divide by the largest second moment so far'),
  fused,
})

/** `adamax`. */
export const adamaxParams = z.object({ lr: lr(2e-3), betas, eps: eps(1e-8), weight_decay })

/** `nadam`. */
export const nadamParams = adamaxParams.extend({
  momentum_decay: nonNegative(4e-3, 'how fast the momentum approaches its final value'),
})

/** `radam`. */
export const radamParams = adamaxParams.extend({ lr: lr(1e-3) })

/** `rmsprop` and `rmsprop_tf`. */
export const rmspropParams = z.object({
  lr: lr(0.01),
  momentum: nonNegative(0.9, 'share of the last update that is kept'),
  weight_decay,
  alpha: nonNegative(0.99, 'share kept of the running mean of squared gradients'),
  eps: eps(1e-8),
  centered: flag(false, 'divide by the standard deviation instead of the root mean square'),
})

/** `adagrad`. */
export const adagradParams = z.object({
  lr: lr(0.01),
  lr_decay: nonNegative(0, 'the rate is divided by 1 + (updates before) · lr_decay'),
  weight_decay,
  initial_accumulator_value: nonNegative(0, 'first value of the sums of squared gradients'),
  eps: eps(1e-10),
  fused,
})

/** `adadelta`. */
export const adadeltaParams = z.object({
  lr: lr(1),
  rho: z.number().min(0).max(1).default(0.9).describe('share kept of the running means of squares'),
  eps: eps(1e-6),
  weight_decay,
})

/** `OPTIMIZER.larc_config`. */
export const larcParams = z.object({
  clip: flag(false, 'cap the rate at the scheduled one instead of scaling it'),
  eps: eps(1e-8),
  trust_coefficient: nonNegative(0.001, 'how far a step may go relative to the weights'),
})

/** The keys of the `OPTIMIZER` block that decide about parameter groups. */
export const paramGroupParams = z.object({
  weight_decay,
  regularize_bn: flag(false, 'decay scale and offset of batch normalisation'),
  regularize_bias: flag(true, 'decay biases of the heads, and of batch normalisation with regularize_bn'),
  regularize_trunk_bias: flag(
    true,
    own('decay biases of the trunk, as VISSL 0.1.5 always does; VISSL 0.1.6 follows regularize_bias'),
  ),
  non_regularized_parameters: z
    .array(z.string().min(1))
    .default([])
    .describe('parameters whose name contains one of these are not decayed (VISSL 0.1.6)'),
  construct_single_param_group_only: flag(
    false,
    'one group of all parameters, decayed alike, at the rate of the trunk (VISSL 0.1.6)',
  ),
  head_optimizer_params: z
    .object({
      use_different_lr: flag(false, 'heads follow lr_head'),
      use_different_wd: flag(false, 'heads have their own weight decay'),
      weight_decay: z.number().min(0).optional().describe('weight decay of heads; the trunk’s unless given'),
    })
    .prefault({}),
})

/** Parameters of every optimizer by its name in `OPTIMIZER.name`; `zero` is beside them, around another one. */
export const optimizerParams = {
  sgd: sgdParams,
  lars: larsParams,
  adam: adamParams,
  adamw: adamParams,
  adamw_mt: adamParams,
  adamax: adamaxParams,
  nadam: nadamParams,
  radam: radamParams,
  rmsprop: rmspropParams,
  rmsprop_tf: rmspropParams,
  adagrad: adagradParams,
  adadelta: adadeltaParams,
} as const
