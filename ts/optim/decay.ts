import { internal, type Parameter, type Tensor } from '../engine/index.ts'
import type { ParamGroup } from './optimizer.ts'

/** Gradients of the loss with the L2 penalty: g + wd·p. */
export function decayed(
  { weightDecay }: ParamGroup,
  params: readonly Parameter[],
  grads: readonly Tensor[],
): readonly Tensor[] {
  return weightDecay === 0 ? grads : internal._foreach_add(grads, params, { alpha: weightDecay })
}
