import { z } from 'zod'
import {
  choice,
  count,
  flag,
  group,
  integers,
  nonNegative,
  openGroup,
  positive,
  real,
  reals,
  text,
} from './fields.ts'

const scheduler = openGroup(
  {
    auto_lr_scaling: group(
      {
        auto_scale: flag(false, 'scale the rate with the global batch'),
        base_value: real(0.1, 'rate at base_lr_batch_size'),
        base_lr_batch_size: positive(256, 'global batch that base_value is for'),
      },
      'linear scaling of the rate',
    ),
    name: text('multistep', 'name of a schedule: multistep, cosine, linear, composite, …'),
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
  },
  'a schedule',
)

/** `OPTIMIZER`: the rule of updates and its schedules. */
export const optimizerSchema = openGroup(
  {
    name: text('sgd', 'name of a registered optimizer'),
    use_larc: flag(false, 'adapt the rate of each layer (LARC)'),
    larc_config: group(
      {
        clip: flag(false, 'clip the adapted rate at the given one'),
        eps: positive(1e-8, 'added to the denominator'),
        trust_coefficient: positive(0.001, 'η'),
      },
      'LARC',
    ),
    weight_decay: nonNegative(0.0001, 'L2 penalty'),
    momentum: z.number().min(0).lt(1).default(0.9).describe('of SGD'),
    nesterov: flag(false, 'momentum of Nesterov'),
    num_epochs: count(90, 'passes over the training data'),
    regularize_bn: flag(false, 'weight decay on normalisation layers'),
    regularize_bias: flag(true, 'weight decay on biases'),
    betas: z.array(z.number()).length(2).optional().describe('of Adam'),
    base_optimizer: z.record(z.string(), z.unknown()).optional().describe('the optimizer that ZeRO shards'),
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
