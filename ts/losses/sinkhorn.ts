import { allReduce, worldSize } from '../distributed/index.ts'
import { noGrad, ops, type Tensor } from '../engine/index.ts'

/**
 * Sinkhorn-Knopp: scales rows and columns of a positive matrix in turn until every row (prototype) has the same sum
 * over the columns (samples) of all processes, and every column sums up to 1.
 *
 * Infinite elements count as the largest finite one; a prototype that nobody is near gets a little of every sample.
 *
 * @param scores K×n, not negative: exponentials of scores, the columns of this process
 * @param iterations rounds, 0 or more
 * @returns n×K float32: each sample's distribution over the prototypes; no gradients
 */
export function sinkhorn(scores: Tensor, iterations: number): Tensor {
  return noGrad(() => {
    const q = finite(scores)
    const [prototypes, samples] = q.shape as [number, number]
    const allSamples = samples * worldSize()
    q.div_(reduced(q.sum()))
    for (let i = 0; i < iterations; i++) {
      let rows = rowSums(q)
      // Decided on the reduced sums, so that all processes decide alike.
      if (rows.eq(0).any().item() !== 0) {
        q.add_(1e-12)
        rows = rowSums(q)
      }
      q.mul_(finite(rows.mul(prototypes).reciprocal_()))
      q.mul_(q.sum([0], true).mul(allSamples).reciprocal_())
    }
    return q
      .div_(q.sum([0], true))
      .t()
      .to('float32')
  })
}

/** K×1: sums of the rows over all processes. */
function rowSums(q: Tensor): Tensor {
  return reduced(q.sum([1], true))
}

function reduced(sums: Tensor): Tensor {
  allReduce(sums, 'sum')
  return sums
}

/** A copy with the largest finite element in place of infinite ones. */
function finite(values: Tensor): Tensor {
  const infinite = values.isinf()
  if (infinite.any().item() === 0) return values.clone()
  const rest = values.masked_fill(infinite, 0)
  return ops.where(infinite, rest.max(), rest)
}
