import { scope, tensor } from '../engine/index.ts'
import type { ProcessGroup } from './process-group.ts'

/** The largest of the processes' numbers, in all of them: what one process asks for, all learn of at the same step. */
export function largestOf(group: ProcessGroup, value: number): number {
  if (group.size === 1) return value
  return scope(() => {
    const shared = tensor([value], { dtype: 'float64' })
    group.allReduce(shared, 'max')
    return shared.item()
  })
}
