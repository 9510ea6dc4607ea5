import { allReduce } from '../distributed/index.ts'
import { noGrad, ops, type Tensor } from '../engine/index.ts'
import { sinkhorn } from './sinkhorn.ts'

/** How scores become codes. */
export interface CodeOptions {
  /** ε: smaller is sharper. */
  readonly epsilon: number
  /** Rounds of Sinkhorn. */
  readonly iterations: number
  /** Exponentials and Sinkhorn in float64, as they are: VISSL's double precision. */
  readonly double?: boolean
  /** One prototype a sample. */
  readonly hard?: boolean
}

/**
 * Balanced soft assignments of samples to prototypes (Caron et al. 2020, arXiv:2006.09882, section 3.1).
 *
 * @param scores B×K of a crop
 * @param queued M×K of samples that take part and get no code
 * @returns B×K float32, no gradients
 */
export function codes(scores: Tensor, queued: Tensor | undefined, options: CodeOptions): Tensor {
  return noGrad(() => {
    const own = scores.shape[0]!
    const all = queued === undefined ? scores : ops.cat([scores, queued.to(scores.dtype)], 0)
    const q = sinkhorn(exponentials(all, options).t(), options.iterations).narrow(0, 0, own)
    return options.hard ? ops.one_hot(q.argmax(1), q.shape[1]!).to(q.dtype) : q
  })
}

function exponentials(scores: Tensor, { epsilon, double }: CodeOptions): Tensor {
  if (double) return scores.to('float64').div(epsilon).exp()
  const scaled = (isHalf(scores) ? scores.to('float32') : scores).div(epsilon)
  const largest = scaled.max()
  allReduce(largest, 'max')
  return scaled.sub(largest).exp()
}

const isHalf = (tensor: Tensor): boolean => tensor.dtype === 'float16' || tensor.dtype === 'bfloat16'

/** The codes of one crop: its number among all crops, and B×K targets. */
export type CropCodes = readonly [crop: number, codes: Tensor]

/**
 * Swapped prediction: each crop's codes are the target of every other crop.
 *
 * @param scores C·B×K, crop by crop
 * @returns scalar: mean over the crops with codes and over the other crops of the cross entropy
 */
export function swappedPrediction(
  scores: Tensor,
  crops: number,
  temperature: number,
  targets: readonly CropCodes[],
): Tensor {
  const rows = scores.shape[0]! / crops
  const logs = scores.div(temperature).log_softmax(1).view([crops, rows, -1])
  const sum = logs.sum([0])
  const losses = targets.map(([crop, target]) => {
    const others = sum.sub(logs.select(0, crop))
    return others.mul(target.to(others.dtype)).sum()
  })
  return ops
    .stack(losses)
    .sum()
    .div(-targets.length * rows * (crops - 1))
}
