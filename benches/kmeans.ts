// k-means beside faiss, from the same points and the same first centroids: see README.md.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { computeThreads, manualSeed, ops, scope, type Tensor } from '../ts/engine/index.ts'
import { kmeans } from '../ts/losses/index.ts'
import { functional } from '../ts/nn/index.ts'
import { median, runPeer } from './peer.ts'

const [POINTS, DIMS, CLUSTERS, ITERATIONS] = [100_000, 128, 1_000, 10]
const ROUNDS = Number(process.argv[2] ?? 6)
const THREADS = Number(process.argv[3] ?? computeThreads())
computeThreads(THREADS)

/** Seconds of wall and of all cores, and the objective. */
interface Run {
  readonly wall: number
  readonly processor: number
  readonly objective: number
}

function ours(points: Tensor, metric: 'euclidean' | 'cosine'): Run {
  return scope(() => {
    manualSeed(1)
    const before = process.cpuUsage()
    const began = performance.now()
    const { objective } = kmeans(points, {
      clusters: CLUSTERS,
      iterations: ITERATIONS,
      metric,
      empty: 'split',
    })
    const wall = (performance.now() - began) / 1000
    const { user, system } = process.cpuUsage(before)
    return { wall, processor: (user + system) / 1e6, objective }
  })
}

const folder = mkdtempSync(join(tmpdir(), 'vissl-kmeans-'))
const summary: Record<string, number> = {}
try {
  console.log(
    `${POINTS} × ${DIMS} points, ${CLUSTERS} clusters, ${ITERATIONS} iterations, ${THREADS} threads`,
  )
  for (const metric of ['euclidean', 'cosine'] as const) {
    manualSeed(0)
    // Overlapping groups, twice as many as clusters.
    const centres = ops.randn([2 * CLUSTERS, DIMS])
    const raw = centres
      .index_select(0, ops.arange(POINTS).remainder(2 * CLUSTERS))
      .add(ops.randn([POINTS, DIMS]))
    const points = metric === 'cosine' ? functional.normalize(raw) : raw
    manualSeed(1)
    const start = points.index_select(0, ops.randperm(POINTS).narrow(0, 0, CLUSTERS))
    const files = [join(folder, 'points'), join(folder, 'start')] as const
    writeFileSync(files[0], points.toBytes())
    writeFileSync(files[1], start.toBytes())
    const options = ['--dims', DIMS, '--iterations', ITERATIONS, '--threads', THREADS]
    const peer = () =>
      runPeer<Run>('kmeans.py', [...files, ...options, '--spherical', Number(metric === 'cosine')])
    kmeans(points.narrow(0, 0, 2_000), { clusters: 100, iterations: 1, metric })
    const walls: number[] = []
    const processors: number[] = []
    for (let round = 0; round < ROUNDS; round++) {
      const [a, b] = round % 2 === 0 ? [ours(points, metric), peer()] : [peer(), ours(points, metric)]
      const [mine, theirs] = round % 2 === 0 ? [a, b] : [b, a]
      walls.push(mine.wall / theirs.wall)
      processors.push(mine.processor / theirs.processor)
      const show = ({ wall, processor, objective }: Run) =>
        `${wall.toFixed(2)} s (${processor.toFixed(2)} s of processor), objective ${objective.toFixed(5)}`
      console.log(`  ${metric}   vissl ${show(mine)}   faiss ${show(theirs)}`)
      summary[`${metric}_objective`] = mine.objective / theirs.objective
    }
    summary[`${metric}_wall`] = median(walls)
    summary[`${metric}_processor`] = median(processors)
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
const rounded = Object.fromEntries(
  Object.entries(summary).map(([key, value]) => [key, Number(value.toFixed(4))]),
)
console.log(JSON.stringify({ bench: 'kmeans', threads: THREADS, ...rounded }))
