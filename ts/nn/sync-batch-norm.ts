import type { ProcessGroup } from '../distributed/index.ts'
import { noGrad, ops, type Tensor } from '../engine/index.ts'

/** Mean, variance (population) and count of each channel, as every process computes them from its own part. */
export function localStatistics(input: Tensor): Tensor {
  const { shape } = input
  const count = shape.reduce((product, size, i) => (i === 1 ? product : product * size), 1)
  const dims = shape.map((_, i) => i).filter((i) => i !== 1)
  const [variance, mean] = ops.var_mean(input, dims, { correction: 0 })
  return ops.stack([mean, variance, ops.full_like(mean, count)], 0).unsqueeze(0)
}

/** What {@link syncBatchNorm} needs of a layer. */
export interface SyncState {
  readonly weight: Tensor | null
  readonly bias: Tensor | null
  /** Updated in place; null where they stay as they are. */
  readonly running: { readonly mean: Tensor; readonly variance: Tensor; readonly momentum: number } | null
  readonly eps: number
}

/**
 * Batch normalisation with the statistics of a whole group: each process sends mean, variance and count of its part,
 * and gradients flow back through the gathering to the inputs of all of them. Parts may differ in size.
 */
export function syncBatchNorm(input: Tensor, state: SyncState, group: ProcessGroup): Tensor {
  const parts = group.gather(localStatistics(input))
  const [means, variances, counts] = parts.unbind(1) as [Tensor, Tensor, Tensor]
  const total = counts.sum([0])
  const shares = counts.div(total)
  const mean = means.mul(shares).sum([0])
  const variance = variances.add(means.sub(mean).square()).mul(shares).sum([0])
  const { running } = state
  if (running !== null) {
    noGrad(() => {
      const unbiased = variance.mul(total.div(total.sub(1)))
      running.mean.lerp_(mean, running.momentum)
      running.variance.lerp_(unbiased, running.momentum)
    })
  }
  const channels = (vector: Tensor) => vector.reshape(input.shape.map((_, i) => (i === 1 ? -1 : 1)))
  const scale = variance.add(state.eps).rsqrt()
  const normal = input.sub(channels(mean)).mul(channels(scale))
  const scaled = state.weight === null ? normal : normal.mul(channels(state.weight))
  return state.bias === null ? scaled : scaled.add(channels(state.bias))
}
