import { z } from 'zod'
import {
  choice,
  count,
  flag,
  group,
  integers,
  nonNegative,
  openGroup,
  own,
  positive,
  real,
  reals,
  text,
} from './fields.ts'
import {
  adadeltaParams,
  adagradParams,
  adamParams,
  larcParams,
  larsParams,
  nadamParams,
  optimizerParams,
  paramGroupParams,
  rmspropParams,
  sgdParams,
} from './optimizers.ts'
import { withoutDefaults } from './trunks.ts'

/** Parameters of schedules that have no default: they are given with the name of the schedule that needs them. */
const scheduleParameters = {
  base_value: z.number().optional().describe('polynomial and step_with_fixed_gamma: first rate'),
  power: z.number().optional().describe('polynomial: power of what is left of training'),
  num_decays: z.int().min(0).optional().describe('step_with_fixed_gamma: how often the rate falls'),
  gamma: z.number().positive().optional().describe('step_with_fixed_gamma: what a rate is multiplied by'),
  warmup_interval_length: z
    .number()
    .min(0)
    .lt(1)
    .optional()
    .describe('inverse_sqrt: share of training after which start_value is reached'),
  restart_interval_length: z
    .number()
    .gt(0)
    .max(1)
    .optional()
    .describe('cosine_warm_restart: half a wave, as a share of training'),
  wave_type: z
    .enum(['half', 'full'])
    .optional()
    .describe('cosine_warm_restart: half waves jump back up, full waves rise again; half unless given'),
  lr_multiplier: z
    .number()
    .optional()
    .describe('cosine_warm_restart: what the peak is multiplied by at each restart; 1 unless given'),
  is_adaptive: z
    .boolean()
    .optional()
    .describe('cosine_warm_restart: peaks follow one cosine over all of training; false unless given'),
}

const scheduler = openGroup(
  {
    auto_lr_scaling: group(
      {
        auto_scale: flag(false, 'scale the rate with the global batch'),
        base_value: real(0.1, 'rate at base_lr_batch_size'),
        base_lr_batch_size: positive(256, 'global batch that base_value is for'),
        scaling_type: z
          .enum(['linear', 'sqrt'])
          .optional()
          .describe('whether the rate grows with the batch or its root; linear unless given (VISSL 0.1.6)'),
      },
      'scaling of the rate with the batch',
    ),
    name: text(
      'multistep',
      'name of a schedule: constant, cosine, cosine_warm_restart, inverse_sqrt, linear, multistep, polynomial, step, step_with_fixed_gamma, composite',
    ),
    update_interval: choice(['epoch', 'step'], 'epoch', 'how often the rate changes'),
    values: reals([0.1, 0.01, 0.001], 'multistep and step: rates'),
    milestones: integers([30, 60], 'multistep: epochs at which the rate changes'),
    schedulers: z
      .array(z.looseObject({ name: z.string() }))
      .default([])
      .describe('composite: the schedules that follow one another'),
    interval_scaling: z
      .array(z.enum(['rescaled', 'fixed']))
      .default([])
      .describe('composite: whether a part counts from its own start (rescaled) or that of training (fixed)'),
    lengths: z.array(z.number().min(0)).default([]).describe('composite: share of training of each part'),
    start_value: real(0.1, 'linear and cosine: first rate'),
    end_value: real(0, 'linear and cosine: last rate'),
    value: real(0.1, 'constant: the rate'),
    ...scheduleParameters,
  },
  'a schedule',
)

const groupKeys = paramGroupParams.shape
const { betas, amsgrad, eps } = adamParams.shape
const { alpha, centered } = rmspropParams.shape
const { lr_decay, initial_accumulator_value } = adagradParams.shape
const { trust_coefficient, skip_vectors } = larsParams.shape

/** Parameters of optimizers other than SGD; each optimizer has defaults of its own. */
const otherParameters = {
  betas: betas.describe('of Adam and its kin: share kept of the running means of gradient and its square'),
  eps: eps.describe('added to denominators; the default depends on the optimizer'),
  amsgrad: amsgrad.describe('adam and adamw: divide by the largest second moment so far'),
  momentum_decay: nadamParams.shape.momentum_decay.describe('nadam: how fast the momentum becomes final'),
  alpha: alpha.describe('rmsprop and rmsprop_tf: share kept of the running mean of squared gradients'),
  centered: centered.describe('rmsprop and rmsprop_tf: divide by the standard deviation'),
  rho: adadeltaParams.shape.rho.describe('adadelta: share kept of the running means of squares'),
  lr_decay: lr_decay.describe('adagrad: how the rate falls with the number of updates'),
  initial_accumulator_value: initial_accumulator_value.describe('adagrad: first value of the sums'),
  trust_coefficient: trust_coefficient.describe('lars: how far a step may go relative to the weights'),
  skip_vectors: skip_vectors.describe('lars: biases and norms take the step of plain SGD, undecayed'),
  fused: sgdParams.shape.fused.describe(own('sgd, adam, adamw, adagrad: one operator for the whole update')),
}

/** `OPTIMIZER`: the rule of updates and its schedules. */
export const optimizerSchema = openGroup(
  {
    name: text('sgd', `name of an optimizer: ${Object.keys(optimizerParams).join(', ')}, zero`),
    use_larc: flag(false, 'adapt the rate of each layer (LARC)'),
    larc_config: group(larcParams.shape, 'LARC'),
    weight_decay: nonNegative(0.0001, 'L2 penalty'),
    momentum: z.number().min(0).lt(1).default(0.9).describe('of SGD'),
    nesterov: flag(false, 'momentum of Nesterov'),
    num_epochs: count(90, 'passes over the training data'),
    regularize_bn: groupKeys.regularize_bn,
    regularize_bias: groupKeys.regularize_bias,
    use_zero: z
      .boolean()
      .optional()
      .describe('put the optimizer into zero, as its base_optimizer (VISSL 0.1.6)'),
    base_optimizer: z
      .looseObject({})
      .optional()
      .describe('zero: the block of the optimizer whose state is divided among processes'),
    accumulate_batches: z
      .int()
      .min(1)
      .optional()
      .describe(own('batches whose gradients add up to one update; 1 unless given')),
    clip_grad_value: z
      .number()
      .positive()
      .optional()
      .describe(own('largest size of any element of a gradient; MODEL.GRAD_CLIP limits the norm')),
    ...withoutDefaults({
      regularize_trunk_bias: groupKeys.regularize_trunk_bias,
      non_regularized_parameters: groupKeys.non_regularized_parameters,
      construct_single_param_group_only: groupKeys.construct_single_param_group_only,
      ...otherParameters,
    }),
    head_optimizer_params: group(
      {
        use_different_lr: flag(false, 'heads follow lr_head'),
        use_different_wd: flag(false, 'heads have their own weight decay'),
        weight_decay: real(0.0001, 'weight decay of heads'),
      },
      'parameters of heads',
    ),
    param_schedulers: openGroup({ lr: scheduler, lr_head: scheduler }, 'schedules'),
  },
  'the optimizer',
)
