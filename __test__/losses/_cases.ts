// What one process and several must agree on; read by distributed.test.ts and by the processes that it starts.
import { computeThreads, manualSeed, noGrad, ops, scope, type Tensor, tensor } from '../../ts/engine/index.ts'
import { buildLoss, type DeepClusterLoss, kmeans, type Loss } from '../../ts/losses/index.ts'
import { functional } from '../../ts/nn/index.ts'
import { hashValues } from '../nn/hash-fill.ts'
import { flat } from '../nn/numbers.ts'

computeThreads(1)

/** Images of all processes. */
const IMAGES = 8
const DIM = 4

export interface Outcome {
  readonly loss: number
  /** Gradient of each image's rows, view by view. */
  readonly gradient: number[]
  /** Queues, memories and the like afterwards. */
  readonly state: Record<string, number[]>
}

/** views·images×columns of this process's images, view by view. */
function share(j: number, views: number, columns: number, rank: number, size: number): Tensor {
  const all = tensor(hashValues(views * IMAGES * columns, j), { shape: [views, IMAGES, columns] })
  const own = IMAGES / size
  return all.narrow(1, rank * own, own).reshape([-1, columns])
}

type Given = Loss & { key?: Tensor; teacher?: Tensor; projection?: Tensor }

interface Case {
  readonly params: object
  readonly views: number
  readonly columns?: number
  /** The output of the model, from its embeddings. */
  readonly output?: (embeddings: Tensor, rows: number) => Tensor | Tensor[]
  readonly prepare?: (loss: Given, given: (views: number) => Tensor) => void
  readonly target?: boolean
}

export const cases: Record<string, Case> = {
  simclr_info_nce_loss: {
    params: { buffer_params: { embedding_dim: DIM, effective_batch_size: 2 * IMAGES } },
    views: 2,
  },
  swav_loss: {
    params: { embedding_dim: DIM, num_prototypes: [5], num_crops: 3 },
    views: 3,
    columns: 5,
    output: (scores, rows) => [ops.zeros([rows, DIM], { dtype: 'float64' }), scores],
  },
  moco_loss: {
    params: { embedding_dim: DIM, queue_size: 16 },
    views: 1,
    prepare: (loss, given) => {
      loss.key = functional.normalize(given(1))
    },
  },
  nce_loss_with_memory: {
    params: {
      num_train_samples: IMAGES,
      negative_sampling_params: { num_negatives: IMAGES },
      memory_params: { embedding_dim: DIM },
    },
    views: 1,
    target: true,
    prepare: (loss) => {
      // Every row once, so that what is drawn depends on no generator.
      const average = (loss as unknown as { nce_average: { draw(rows: number): Tensor } }).nce_average
      average.draw = (rows) => ops.arange(IMAGES, { dtype: 'int64' }).repeat([rows, 1])
    },
  },
  barlow_twins_loss: { params: { embedding_dim: DIM }, views: 2 },
  vicreg_loss: { params: {}, views: 2 },
  mocov3_loss: {
    params: {},
    views: 2,
    prepare: (loss, given) => {
      loss.teacher = given(2)
    },
  },
  nnclr_loss: {
    params: { embedding_dim: DIM, queue_size: 16 },
    views: 2,
    prepare: (loss, given) => {
      loss.projection = given(2)
    },
  },
  dino_loss: {
    params: { output_dim: DIM },
    views: 3,
    prepare: (loss, given) => {
      loss.teacher = given(2)
    },
  },
}

/** Runs a case on this process's share of the images. */
export function outcome(name: string, rank: number, size: number): Outcome {
  const { params, views, columns = DIM, output, prepare, target } = cases[name]!
  manualSeed(11)
  using loss = buildLoss({ name, [name]: params }) as Given
  loss.to({ dtype: 'float64' })
  return scope(() => {
    const own = IMAGES / size
    const embeddings = share(1, views, columns, rank, size)
    embeddings.requiresGrad = true
    prepare?.(loss, (count) => share(2, count, DIM, rank, size))
    const indices = ops.arange(rank * own, (rank + 1) * own, { dtype: 'int64' })
    const value = loss.call(output?.(embeddings, views * own) ?? embeddings, target ? indices : undefined)
    value.backward()
    const gradient = flat(embeddings.grad!)
    const state = Object.fromEntries(Object.entries(loss.stateDict()).map(([key, each]) => [key, flat(each)]))
    return { loss: value.item(), gradient, state }
  })
}

/** DeepCluster's clusters of all images, and k-means of points on every process. */
export function clusters(
  rank: number,
  size: number,
): { assignments: number[]; objective: number; centroids: number[] } {
  return scope(() => {
    const own = IMAGES / size
    const points = functional.normalize(share(3, 1, DIM, rank, size))
    manualSeed(5)
    const found = kmeans(points, { clusters: 3, iterations: 4, metric: 'cosine' })
    manualSeed(5)
    using loss = buildLoss({
      name: 'deepclusterv2_loss',
      deepclusterv2_loss: {
        num_train_samples: IMAGES,
        BATCHSIZE_PER_REPLICA: own,
        num_clusters: [3],
        kmeans_iters: 4,
        memory_params: { embedding_dim: DIM },
      },
    }) as DeepClusterLoss
    loss.remember([points], ops.arange(rank * own, (rank + 1) * own, { dtype: 'int64' }))
    manualSeed(5)
    noGrad(() => loss.cluster())
    return {
      assignments: flat(loss.assignments),
      objective: found.objective,
      centroids: flat(found.centroids),
    }
  })
}
