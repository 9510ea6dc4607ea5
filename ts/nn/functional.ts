import { ops, type Tensor } from '../engine/index.ts'

/** Options of {@link normalize}. */
export interface NormalizeOptions {
  /** Order of the norm; 2 unless given. */
  readonly p?: number
  /** Dimension along which vectors lie; 1 unless given. */
  readonly dim?: number
  /** Norms below this count as this, so that zero vectors stay zero. */
  readonly eps?: number
}

/** Scales every vector along `dim` to norm 1; same shape as `input`. */
export function normalize(input: Tensor, { p = 2, dim = 1, eps = 1e-12 }: NormalizeOptions = {}): Tensor {
  return input.div(input.norm(p, [dim], true).clamp_min(eps))
}

/** How a loss over many elements becomes one number. */
export type Reduction = 'none' | 'mean' | 'sum'

const REDUCTIONS: Readonly<Record<Reduction, number>> = { none: 0, mean: 1, sum: 2 }

/** Options of {@link crossEntropy}. */
export interface CrossEntropyOptions {
  /** C: weight of each class. */
  readonly weight?: Tensor
  readonly reduction?: Reduction
  /** Targets of this class do not count; −100 unless given. */
  readonly ignoreIndex?: number
  /** Share of the target mass spread evenly over all classes, in [0, 1]. */
  readonly labelSmoothing?: number
}

/**
 * Cross entropy of unnormalised scores.
 *
 * @param input N×C scores (or N×C×d…)
 * @param target N class numbers as int64, or N×C probabilities
 */
export function crossEntropy(input: Tensor, target: Tensor, options: CrossEntropyOptions = {}): Tensor {
  return ops.cross_entropy_loss(
    input,
    target,
    options.weight ?? null,
    REDUCTIONS[options.reduction ?? 'mean'],
    options.ignoreIndex ?? -100,
    options.labelSmoothing ?? 0,
  )
}

/** Mean squared error. */
export function mseLoss(input: Tensor, target: Tensor, reduction: Reduction = 'mean'): Tensor {
  return ops.mse_loss(input, target, REDUCTIONS[reduction])
}

/** max(x, 0). */
export function relu(input: Tensor): Tensor {
  return ops.relu(input)
}
