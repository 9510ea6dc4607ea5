import { internal, ops, type Tensor } from '../engine/index.ts'

/** Euclidean norm of each tensor; all of one device and dtype. The numbers cross to the processor together. */
export function norms(tensors: readonly Tensor[], order = 2): number[] {
  if (tensors.length === 0) return []
  return Array.from(ops.stack(internal._foreach_norm(tensors, order)).toTypedArray(), Number)
}
