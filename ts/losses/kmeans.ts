import { allReduce, broadcast, worldSize } from '../distributed/index.ts'
import { noGrad, ops, scope, type Tensor } from '../engine/index.ts'
import { ExitCode, VisslError } from '../errors.ts'
import { functional } from '../nn/index.ts'
import { type Assigner, assignerFor, type Metric } from './assigner.ts'

/** Options of {@link kmeans}. */
export interface KmeansOptions {
  /** K; at most the number of points of a process. */
  readonly clusters: number
  /** Updates of the centroids. */
  readonly iterations: number
  /** Nearest by distance (the default), or by cosine with centroids of length 1 (spherical k-means). */
  readonly metric?: Metric
  /** A cluster without points keeps its centroid (the default), or takes half of the largest cluster. */
  readonly empty?: 'keep' | 'split'
  /** Runs from other random points; the best counts. 1 unless given. */
  readonly restarts?: number
}

/** What {@link kmeans} found. */
export interface Clustering {
  /** K×D, the same in all processes. */
  readonly centroids: Tensor
  /** n int64: the cluster of each point of this process. */
  readonly assignments: Tensor
  /** Mean squared distance, or mean of 1 − cosine, over the points of all processes. */
  readonly objective: number
}

/**
 * Lloyd's k-means over the points of all processes, from points of the first process drawn at random. After the last
 * update every point is assigned once more, so that assignments belong to the centroids.
 *
 * @param points n×D floats of this process; for `cosine` of length 1
 * @throws VisslError when there are fewer points than clusters
 */
export function kmeans(points: Tensor, options: KmeansOptions): Clustering {
  const [count] = points.shape as [number]
  const { clusters, restarts = 1 } = options
  if (clusters < 1 || count < clusters) {
    throw new VisslError(
      ExitCode.usage,
      `k-means cannot make ${clusters} clusters of ${count} points in each process`,
      'ask for fewer clusters, or use more images',
    )
  }
  return noGrad(() => {
    const assigner = assignerFor(points, options.metric ?? 'euclidean')
    let best = runOnce(points, assigner, options)
    for (let i = 1; i < restarts; i++) {
      const next = runOnce(points, assigner, options)
      const [better, worse] = next.objective < best.objective ? [next, best] : [best, next]
      worse.centroids.free()
      worse.assignments.free()
      best = better
    }
    return best
  })
}

function runOnce(points: Tensor, assigner: Assigner, options: KmeansOptions): Clustering {
  return scope(() => {
    const [count] = points.shape as [number]
    const { clusters, iterations } = options
    const centroids = points.index_select(
      0,
      ops.randperm(count).narrow(0, 0, clusters).to({ device: points.device }),
    )
    broadcast(centroids)
    for (let i = 0; i < iterations; i++) {
      scope(() => update(centroids, assigner, options))
    }
    const { assignments, score } = assigner.assign(centroids)
    return { centroids, assignments, objective: objectiveOf(points, score, options) }
  })
}

/** The mean over the points of all processes of what is left between points and their centroids. */
function objectiveOf(points: Tensor, score: number, { metric }: KmeansOptions): number {
  return scope(() => {
    const [count] = points.shape as [number]
    const average = ops.full([], score / count, { dtype: 'float64', device: points.device })
    allReduce(average, 'mean')
    if (metric === 'cosine') return 1 - average.item()
    const squares = points.norm().pow(2).to('float64').div(count)
    allReduce(squares, 'mean')
    return squares.item() - 2 * average.item()
  })
}

/** Moves centroids to the means of their points over all processes, in place. */
function update(
  centroids: Tensor,
  assigner: Assigner,
  { metric = 'euclidean', empty = 'keep' }: KmeansOptions,
): void {
  const { sums, counts } = assigner.sums(assigner.assign(centroids).assignments, centroids.shape[0]!)
  if (worldSize() > 1) {
    allReduce(sums, 'sum')
    allReduce(counts, 'sum')
  }
  const hasPoints = counts.gt(0).unsqueeze(1)
  const means = sums.div(counts.clamp_min(1).unsqueeze(1)).to(centroids.dtype)
  const moved = ops.where(hasPoints, means, centroids)
  if (empty === 'split') splitLargest(moved, counts)
  centroids.copy_(metric === 'cosine' ? functional.normalize(moved) : moved)
}

/** Gives every empty cluster half of the cluster that is largest at that moment: the same centroid, moved a little. */
function splitLargest(centroids: Tensor, counts: Tensor): void {
  const sizes = Array.from(counts.toTypedArray(), Number)
  for (const [at, size] of sizes.entries()) {
    if (size > 0) continue
    let largest = 0
    for (const [other, rival] of sizes.entries()) if (rival > sizes[largest]!) largest = other
    if (sizes[largest]! < 2) return
    const source = centroids.select(0, largest)
    const alternating = ops.arange(source.shape[0]!, { device: source.device }).remainder(2).mul(2).sub(1)
    const step = source.mul(alternating.to(source.dtype).mul(1 / 1024))
    centroids.select(0, at).copy_(source.add(step))
    source.sub_(step)
    sizes[at] = sizes[largest]! / 2
    sizes[largest] = sizes[largest]! / 2
  }
}
