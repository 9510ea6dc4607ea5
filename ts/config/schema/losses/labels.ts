import { z } from 'zod'
import { choice, count, flag, group, integer, openGroup, own, positive, text } from '../fields.ts'

const classWeights = z
  .array(z.number().min(0))
  .nullable()
  .describe('weight of each class; null: equal weights')

const labelSmoothing = z.number().min(0).max(1).describe('share of the target spread evenly over all classes')

/** `LOSS.CrossEntropyLoss`: PyTorch's cross entropy. */
export const crossEntropyParams = openGroup(
  {
    ignore_index: integer(-1, 'targets of this class do not count'),
    weight: classWeights.optional(),
    reduction: z
      .enum(['mean', 'sum'])
      .optional()
      .describe('how the samples are summed up; mean unless given'),
    label_smoothing: labelSmoothing.optional(),
  },
  'cross entropy',
)

/** `LOSS.cross_entropy_multiple_output_single_target`. */
export const multipleCrossEntropyParams = group(
  {
    weight: classWeights.default(null),
    reduction: text('mean', 'read by nothing: the mean is always taken'),
    ignore_index: integer(-1, 'targets of this class do not count'),
    normalize_output: flag(false, 'scale outputs to length 1'),
    temperature: positive(1, 'divides the outputs'),
    label_smoothing: labelSmoothing.optional().describe('share of the target spread evenly (VISSL 0.1.6)'),
  },
  'cross entropy of several outputs with one target',
)

/** `LOSS.bce_logits_multiple_output_single_target`. */
export const multipleBceParams = group(
  {
    reduction: choice(['none'], 'none', 'always none: the loss weighs the elements itself'),
    world_size: count(1, 'processes (filled in)'),
    normalize_output: flag(false, 'scale outputs to length 1'),
  },
  'binary cross entropy of several outputs with one target',
)

/** Parameters of the plain PyTorch losses that take an output and a target. */
export const plainLossParams = openGroup(
  {
    reduction: choice(['mean', 'sum'], 'mean', 'how the elements are summed up'),
    weight: z
      .array(z.number())
      .nullable()
      .optional()
      .describe('weight of each class, where the loss has one'),
    pos_weight: z.array(z.number()).nullable().optional().describe('weight of positives (BCEWithLogitsLoss)'),
    beta: positive(1, 'where SmoothL1Loss turns from square to line'),
    delta: positive(1, 'where HuberLoss turns from square to line'),
    margin: z
      .number()
      .optional()
      .describe('margin of MultiMarginLoss and HingeEmbeddingLoss; 1 unless given'),
    p: z
      .union([z.literal(1), z.literal(2)])
      .default(1)
      .describe('power of MultiMarginLoss'),
    ignore_index: integer(-100, 'targets of this class do not count (NLLLoss)'),
    log_target: flag(false, 'targets are logarithms (KLDivLoss)'),
    log_input: flag(true, 'outputs are logarithms (PoissonNLLLoss)'),
    full: flag(false, 'add Stirling’s term (PoissonNLLLoss)'),
    eps: positive(1e-8, 'keeps logarithms finite (PoissonNLLLoss)'),
  },
  own('a loss of PyTorch'),
)
