import { noGrad, ops, scope, type Tensor } from '../engine/index.ts'
import { ExitCode, VisslError } from '../errors.ts'
import { functional } from '../nn/index.ts'

export interface KnnOptions {
  /** Neighbours that vote, 1 or more; no more than there are training samples. */
  readonly k: number
  /** Temperature of the votes: a neighbour counts exp(similarity / sigma). */
  readonly sigma: number
  /** Compare directions only, by cosine similarity. */
  readonly normalize: boolean
}

export interface KnnResult {
  /** Percent of test samples whose class has the most votes. */
  readonly top1: number
  /** Percent of test samples whose class is among the five with the most votes. */
  readonly top5: number
  readonly total: number
}

export interface LabelledFeatures {
  /** N×D, float32 */
  readonly features: Tensor
  /** N, int64, classes from 0 */
  readonly labels: Tensor
}

/** Similarities held at once; bounds the memory of one chunk to 64 MB. */
const CHUNK_ELEMENTS = 16_000_000

/**
 * Weighted k-nearest-neighbour classification of frozen features (Wu et al. 2018, arXiv:1805.01978).
 *
 * @throws VisslError when a side is empty or the widths differ
 */
export function knnClassify(train: LabelledFeatures, test: LabelledFeatures, options: KnnOptions): KnnResult {
  const [trainCount = 0, width = 0] = train.features.shape
  const [testCount = 0, testWidth = 0] = test.features.shape
  if (trainCount === 0 || testCount === 0) {
    throw new VisslError(
      ExitCode.data,
      'kNN needs at least one training and one test image',
      'check DATA.TRAIN and DATA.TEST',
    )
  }
  if (width !== testWidth) {
    throw new VisslError(
      ExitCode.internal,
      `kNN got training features of width ${width} and test features of width ${testWidth}`,
    )
  }
  const k = Math.min(options.k, trainCount)
  const chunk = Math.max(1, Math.min(testCount, Math.floor(CHUNK_ELEMENTS / trainCount)))
  let [hits1, hits5] = [0, 0]
  noGrad(() =>
    scope(() => {
      const classes = Math.max(train.labels.max().item(), test.labels.max().item()) + 1
      const bank = options.normalize ? functional.normalize(train.features) : train.features
      const bankT = bank.t()
      for (let start = 0; start < testCount; start += chunk) {
        const [top1, top5] = scope(() => {
          const rows = test.features.slice(0, start, Math.min(start + chunk, testCount))
          const labels = test.labels.slice(0, start, Math.min(start + chunk, testCount))
          const queries = options.normalize ? functional.normalize(rows) : rows
          const ranked = rankClasses(queries.matmul(bankT), train.labels, classes, k, options.sigma)
          const right = ranked.eq(labels.unsqueeze(1))
          return [right.slice(1, 0, 1).sum().item(), right.slice(1, 0, 5).sum().item()] as const
        })
        hits1 += top1
        hits5 += top5
      }
    }),
  )
  return { top1: (100 * hits1) / testCount, top5: (100 * hits5) / testCount, total: testCount }
}

/** Classes by descending votes, n×C, from similarities n×N. */
function rankClasses(similarity: Tensor, labels: Tensor, classes: number, k: number, sigma: number): Tensor {
  const [values, indices] = similarity.topk(k, 1)
  const neighbours = labels.index_select(0, indices.reshape([-1])).reshape(indices.shape)
  // Weights relative to the nearest neighbour: the ranking is the same and exp cannot overflow.
  const weights = values
    .sub(values.slice(1, 0, 1))
    .div(sigma)
    .exp()
  const votes = ops.zeros([indices.shape[0]!, classes]).scatter_add_(1, neighbours, weights)
  return votes.argsort(1, true)
}
