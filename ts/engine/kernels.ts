import { host } from './host.ts'
import { computeThreads } from './runtime.ts'

interface KernelAddon {
  nearestCentroids(
    points: Float32Array,
    centroids: Float32Array,
    dims: number,
    cosine: boolean,
    threads: number,
  ): { clusters: BigInt64Array; score: number }
  clusterSums(
    points: Float32Array,
    clusters: BigInt64Array,
    count: number,
    dims: number,
    threads: number,
  ): { sums: Float64Array; counts: BigInt64Array }
}

/**
 * The nearest of K centroids for each of n points: of several equally near the first. The result does not depend on the
 * number of compute threads.
 *
 * @param points n×D, row after row
 * @param centroids K×D
 * @param metric largest x·c − ‖c‖²/2, which is the smallest distance, or largest x·c
 * @returns the cluster of each point, and the sum of these largest scores
 */
export function nearestCentroids(
  points: Float32Array,
  centroids: Float32Array,
  dims: number,
  metric: 'euclidean' | 'cosine',
): { clusters: BigInt64Array; score: number } {
  return host<KernelAddon>().nearestCentroids(points, centroids, dims, metric === 'cosine', computeThreads())
}

/**
 * Sums (K×D) and numbers (K) of the points of each of K clusters, summed in float64 in the order of the points.
 *
 * @param points n×D, row after row
 * @param clusters of each point, 0 to K − 1
 */
export function clusterSums(
  points: Float32Array,
  clusters: BigInt64Array,
  count: number,
  dims: number,
): { sums: Float64Array; counts: BigInt64Array } {
  return host<KernelAddon>().clusterSums(points, clusters, count, dims, computeThreads())
}
