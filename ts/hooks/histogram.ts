import { noGrad, ops, scope, type Tensor, tensor } from '../engine/index.ts'
import type { Histogram } from '../logging/index.ts'

/** Edges grow by a tenth from 1e-12 to 1e20, on both sides of zero: TensorBoard's own. */
const edges: readonly number[] = (() => {
  const positive: number[] = []
  for (let edge = 1e-12; edge < 1e20; edge *= 1.1) positive.push(edge)
  return [...positive.map((edge) => -edge).reverse(), 0, ...positive]
})()

let bounds: Tensor | undefined

/**
 * Counts a tensor's values in TensorBoard's buckets. Only the buckets from the first to the last that holds a value
 * are kept, and the one before, whose right edge is the left edge of the first. Values beyond ±1e20 are in no bucket;
 * NaN counts nowhere.
 *
 * @returns undefined for an empty tensor, or when a value is not finite
 */
export function histogramOf(values: Tensor): Histogram | undefined {
  return noGrad(() =>
    scope(() => {
      bounds ??= tensor(Float64Array.from(edges)).keep()
      const flat = values.detach().reshape([-1]).to({ device: 'cpu', dtype: 'float64' })
      if (flat.numel === 0 || flat.isfinite().all().item() === 0) return undefined
      // Bucket i is [edges[i], edges[i + 1]); the last one holds its right edge too.
      const places = ops.bucketize(flat, bounds, { right: true })
      const inLast = flat.eq(edges.at(-1)!)
      const counted = places
        .sub(inLast.to('int64'))
        .bincount(null, edges.length + 1)
        .toTypedArray()
      const counts = Array.from(counted.subarray(1, edges.length) as BigInt64Array, Number)
      return {
        min: flat.min().item(),
        max: flat.max().item(),
        count: flat.numel,
        sum: flat.sum().item(),
        sumOfSquares: flat.dot(flat).item(),
        ...support(counts),
      }
    }),
  )
}

function support(counts: readonly number[]): Pick<Histogram, 'limits' | 'counts'> {
  const first = counts.findIndex((count) => count > 0)
  if (first < 0) return { limits: [], counts: [] }
  const last = counts.findLastIndex((count) => count > 0)
  const before = first > 0 ? counts.slice(first - 1, first) : [0]
  return {
    limits: edges.slice(first, last + 2),
    counts: [...before, ...counts.slice(first, last + 1)],
  }
}
