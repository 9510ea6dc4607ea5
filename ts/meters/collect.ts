import { allReduce, gather, rank, worldSize } from '../distributed/index.ts'
import { noGrad, ops, scope, tensor } from '../engine/index.ts'

/** Adds up the counts of all processes; each gives as many. */
export function sumOverProcesses(counts: readonly number[]): number[] {
  if (worldSize() === 1) return [...counts]
  return noGrad(() =>
    scope(() => {
      const total = tensor(Float64Array.from(counts))
      allReduce(total, 'sum')
      return Array.from(total.toTypedArray(), Number)
    }),
  )
}

/**
 * The values of all processes, one after another by rank. Each may give another number of them: the shorter ones are
 * padded for the way.
 */
export function gatherFromProcesses(values: readonly number[]): number[] {
  if (worldSize() === 1) return [...values]
  return noGrad(() =>
    scope(() => {
      const lengths = sumOverProcesses(
        Array.from({ length: worldSize() }, (_, i) => (i === rank() ? values.length : 0)),
      )
      const longest = Math.max(...lengths)
      if (longest === 0) return []
      const padded = new Float64Array(longest)
      padded.set(values)
      const all = gather(ops.unsqueeze(tensor(padded), 0)).toTypedArray()
      return lengths.flatMap((length, i) =>
        Array.from(all.subarray(i * longest, i * longest + length), Number),
      )
    }),
  )
}
