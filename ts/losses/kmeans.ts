import { allReduce, broadcast, worldSize } from '../distributed/index.ts'
import { noGrad, ops, scope, type Tensor } from '../engine/index.ts'
import { ExitCode, VisslError } from '../errors.ts'
import { functional } from '../nn/index.ts'

/** Options of {@link kmeans}. */
export interface KmeansOptions {
  /** K; at most the number of points of a process. */
  readonly clusters: number
  /** Updates of the centroids. */
  readonly iterations: number
  /** Nearest by distance (the default), or by cosine with centroids of length 1 (spherical k-means). */
  readonly metric?: 'euclidean' | 'cosine'
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

/** Elements of the score matrix that is made at a time: few enough for the cache, enough for several threads. */
const CHUNK = 1 << 21

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
    let best = runOnce(points, options)
    for (let i = 1; i < restarts; i++) {
      const next = runOnce(points, options)
      const [better, worse] = next.objective < best.objective ? [next, best] : [best, next]
      worse.centroids.free()
      worse.assignments.free()
      best = better
    }
    return best
  })
}

function runOnce(points: Tensor, options: KmeansOptions): Clustering {
  return scope(() => {
    const [count] = points.shape as [number]
    const { clusters, iterations } = options
    const centroids = points.index_select(
      0,
      ops.randperm(count).narrow(0, 0, clusters).to({ device: points.device }),
    )
    broadcast(centroids)
    for (let i = 0; i < iterations; i++) {
      scope(() => update(centroids, points, options))
    }
    return { centroids, ...assign(points, centroids, options) }
  })
}

/** The nearest centroid of every point: calls `visit` with their scores and numbers, some points at a time. */
function eachNearest(
  points: Tensor,
  centroids: Tensor,
  metric: KmeansOptions['metric'],
  visit: (from: number, best: Tensor, nearest: Tensor) => void,
): void {
  const [count] = points.shape as [number]
  const transposed = centroids.t()
  // ‖x − c‖² is smallest where x·c − ‖c‖²/2 is largest.
  const offset = metric === 'cosine' ? null : centroids.pow(2).sum([1]).mul(-0.5)
  const [clusters] = centroids.shape as [number]
  const { dtype, device } = points
  const numbers = ops.arange(clusters, { dtype, device })
  const rows = Math.max(1, Math.floor(CHUNK / clusters))
  for (let at = 0; at < count; at += rows) {
    scope(() => {
      const some = points.narrow(0, at, Math.min(rows, count - at))
      const scores = offset === null ? some.mm(transposed) : ops.addmm(offset, some, transposed)
      const best = scores.amax([1], true)
      visit(at, best, firstOnes(scores.ge_(best), numbers))
    })
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

/**
 * The nearest centroid of every point, and the mean of the distances over the points of all processes.
 *
 * @param centroids K×D; for `cosine` of length 1
 */
export function assign(
  points: Tensor,
  centroids: Tensor,
  { metric = 'euclidean' }: Pick<KmeansOptions, 'metric'>,
): { assignments: Tensor; objective: number } {
  return scope(() => {
    const [count] = points.shape as [number]
    const { device } = points
    const assignments = ops.empty([count], { dtype: 'int64', device })
    const sum = ops.zeros([], { dtype: 'float64', device })
    eachNearest(points, centroids, metric, (from, best, nearest) => {
      assignments.narrow(0, from, nearest.shape[0]!).copy_(nearest)
      sum.add_(best.sum({ dtype: 'float64' }))
    })
    const average = sum.div(count)
    allReduce(average, 'mean')
    if (metric === 'cosine') return { assignments, objective: 1 - average.item() }
    const squares = points.norm().pow(2).to('float64').div(count)
    allReduce(squares, 'mean')
    return { assignments, objective: squares.item() - 2 * average.item() }
  })
}

/** Moves centroids to the means of their points over all processes, in place. */
function update(
  centroids: Tensor,
  points: Tensor,
  { metric = 'euclidean', empty = 'keep' }: KmeansOptions,
): void {
  const [clusters] = centroids.shape as [number]
  const sums = ops.zeros_like(centroids)
  const counts = ops.zeros([clusters], { dtype: 'int64', device: points.device })
  eachNearest(points, centroids, metric, (from, _best, nearest) => {
    sums.index_add_(0, nearest, points.narrow(0, from, nearest.shape[0]!))
    counts.add_(ops.bincount(nearest, null, clusters))
  })
  if (worldSize() > 1) {
    allReduce(sums, 'sum')
    allReduce(counts, 'sum')
  }
  const hasPoints = counts.gt(0).unsqueeze(1)
  const means = ops.where(hasPoints, sums.div(counts.clamp_min(1).unsqueeze(1)), centroids)
  if (empty === 'split') splitLargest(means, counts)
  centroids.copy_(metric === 'cosine' ? functional.normalize(means) : means)
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
