import { clusterSums, nearestCentroids, ops, scope, type Tensor, tensor } from '../engine/index.ts'

/** Nearest by distance, or by the cosine of points and centroids of length 1. */
export type Metric = 'euclidean' | 'cosine'

/** The two steps of k-means over n points of this process. */
export interface Assigner {
  /**
   * The nearest centroid of every point.
   *
   * @param centroids K×D
   * @returns n int64, and the sum of x·c − ‖c‖²/2, for `cosine` of x·c, of points and their centroids
   */
  assign(centroids: Tensor): { assignments: Tensor; score: number }
  /** Sum (K×D) and number (K int64) of the points of each cluster. */
  sums(assignments: Tensor, clusters: number): { sums: Tensor; counts: Tensor }
}

/** Our own kernels for float32 on the CPU, libtorch for other types and devices. */
export function assignerFor(points: Tensor, metric: Metric): Assigner {
  const isPlain = points.dtype === 'float32' && points.device === 'cpu'
  return isPlain ? new KernelAssigner(points, metric) : new TensorAssigner(points, metric)
}

class KernelAssigner implements Assigner {
  readonly #points: Float32Array
  readonly #dims: number
  readonly #metric: Metric

  constructor(points: Tensor, metric: Metric) {
    this.#points = points.toTypedArray() as Float32Array
    this.#dims = points.shape[1]!
    this.#metric = metric
  }

  assign(centroids: Tensor): { assignments: Tensor; score: number } {
    const values = centroids.toTypedArray() as Float32Array
    const { clusters, score } = nearestCentroids(this.#points, values, this.#dims, this.#metric)
    return { assignments: tensor(clusters), score }
  }

  sums(assignments: Tensor, clusters: number): { sums: Tensor; counts: Tensor } {
    const numbers = assignments.toTypedArray() as BigInt64Array
    const { sums, counts } = clusterSums(this.#points, numbers, clusters, this.#dims)
    return { sums: tensor(sums, { shape: [clusters, this.#dims] }), counts: tensor(counts) }
  }
}

/** Elements of the score matrix that is made at a time: few enough for the cache, enough for several threads. */
const CHUNK = 1 << 21

class TensorAssigner implements Assigner {
  readonly #points: Tensor
  readonly #metric: Metric

  constructor(points: Tensor, metric: Metric) {
    this.#points = points
    this.#metric = metric
  }

  assign(centroids: Tensor): { assignments: Tensor; score: number } {
    return scope(() => {
      const [count] = this.#points.shape as [number]
      const { dtype, device } = this.#points
      const assignments = ops.empty([count], { dtype: 'int64', device })
      const sum = ops.zeros([], { dtype: 'float64', device })
      const transposed = centroids.t()
      // ‖x − c‖² is smallest where x·c − ‖c‖²/2 is largest.
      const offset = this.#metric === 'cosine' ? null : centroids.pow(2).sum([1]).mul(-0.5)
      const [clusters] = centroids.shape as [number]
      const numbers = ops.arange(clusters, { dtype, device })
      const rows = Math.max(1, Math.floor(CHUNK / clusters))
      for (let at = 0; at < count; at += rows) {
        scope(() => {
          const some = this.#points.narrow(0, at, Math.min(rows, count - at))
          const scores = offset === null ? some.mm(transposed) : ops.addmm(offset, some, transposed)
          const best = scores.amax([1], true)
          const nearest = firstOnes(scores.ge_(best), numbers)
          assignments.narrow(0, at, nearest.shape[0]!).copy_(nearest)
          sum.add_(best.sum({ dtype: 'float64' }))
        })
      }
      return { assignments, score: sum.item() }
    })
  }

  sums(assignments: Tensor, clusters: number): { sums: Tensor; counts: Tensor } {
    const { dtype, device } = this.#points
    const sums = ops.zeros([clusters, this.#points.shape[1]!], { dtype, device })
    sums.index_add_(0, assignments, this.#points)
    return { sums, counts: ops.bincount(assignments, null, clusters) }
  }
}

/**
 * The column of the first 1 of each row. A product finds it much faster than argmax, unless a row has several.
 *
 * @param marks rows×K of 0 and 1
 * @param numbers K: 0 to K−1
 * @returns int64 of each row; 0 for a row of zeros
 */
function firstOnes(marks: Tensor, numbers: Tensor): Tensor {
  const isClear = marks.sum([1]).ne(1).any().item() === 0
  return isClear ? marks.mv(numbers).to('int64') : marks.argmax(1)
}
