import { internal, type Parameter, type Tensor } from '../engine/index.ts'
import type { OptimizerMemory } from './memory.ts'

/** Running means of gradients and of their squares, moved on by one update, under Adam's names. */
export function moments(
  memory: OptimizerMemory,
  params: readonly Parameter[],
  gradients: readonly Tensor[],
  [beta1, beta2]: readonly [number, number],
): [means: Tensor[], squares: Tensor[]] {
  const means = memory.tensors(params, 'exp_avg')
  const squares = memory.tensors(params, 'exp_avg_sq')
  internal._foreach_lerp_(means, gradients, 1 - beta1)
  internal._foreach_mul_(squares, beta2)
  internal._foreach_addcmul_(squares, gradients, gradients, 1 - beta2)
  return [means, squares]
}
