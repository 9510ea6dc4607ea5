import { internal, noGrad, type Parameter, scope, type Tensor } from '../engine/index.ts'
import { ExitCode, VisslError } from '../errors.ts'
import { norms } from './norms.ts'

/** Options of {@link clipGradNorm}. */
export interface ClipNormOptions {
  /** Order of the norm, `Infinity` for the largest element; 2 unless given. */
  readonly normType?: number
}

/**
 * Scales all gradients together so that their common norm is at most `maxNorm` (Pascanu et al. 2013,
 * arXiv:1211.5063): the norm of the vector of all their elements. A norm that is not finite makes them NaN, as in
 * PyTorch; look at the result. With {@link GradScaler} call `unscale` before.
 *
 * @param parameters those without a gradient are left out
 * @returns the norm before, 0 where there is no gradient
 * @throws VisslError when `maxNorm` or `normType` is not above 0
 */
export function clipGradNorm(
  parameters: Iterable<Parameter>,
  maxNorm: number,
  { normType = 2 }: ClipNormOptions = {},
): number {
  if (!(maxNorm > 0)) throw bad('norm', maxNorm)
  if (!(normType > 0)) throw bad('order of the norm', normType)
  return noGrad(() =>
    scope(() => {
      const grads = gradientsOf(parameters)
      if (grads.length === 0) return 0
      const total = normOf(norms(grads, normType), normType)
      const scale = maxNorm / (total + 1e-6)
      // Not `if (scale < 1)`: a norm of NaN reaches the gradients.
      if (!(scale >= 1)) internal._foreach_mul_(grads, scale)
      return total
    }),
  )
}

/**
 * Limits every element of every gradient to [−`value`, `value`].
 *
 * @throws VisslError when `value` is not above 0
 */
export function clipGradValue(parameters: Iterable<Parameter>, value: number): void {
  if (!(value > 0)) throw bad('value', value)
  noGrad(() =>
    scope(() => {
      const grads = gradientsOf(parameters)
      if (grads.length === 0) return
      internal._foreach_clamp_min_(grads, -value)
      internal._foreach_clamp_max_(grads, value)
    }),
  )
}

function gradientsOf(parameters: Iterable<Parameter>): Tensor[] {
  const grads: Tensor[] = []
  for (const { grad } of parameters) if (grad !== null) grads.push(grad)
  return grads
}

function normOf(values: readonly number[], order: number): number {
  if (order === Number.POSITIVE_INFINITY) return Math.max(...values)
  return values.reduce((sum, value) => sum + value ** order, 0) ** (1 / order)
}

function bad(what: string, value: number): VisslError {
  return new VisslError(
    ExitCode.usage,
    `gradients cannot be clipped to the ${what} ${value}`,
    'give a number above 0',
  )
}
