import { noGrad, ops, type Tensor, TensorBuffer, tensor } from '../engine/index.ts'
import { ExitCode, VisslError } from '../errors.ts'
import { Module } from '../nn/index.ts'

/**
 * Draws numbers from 0 to N−1 with given probabilities in constant time each (Walker's alias method in Vose's form,
 * 1991): a cell is chosen evenly, and then either the cell or its alias.
 */
export class AliasSampler extends Module {
  /** float32 N: probability of keeping the cell. */
  readonly prob: TensorBuffer
  /** int64 N: what is drawn otherwise. */
  readonly alias: TensorBuffer

  /** @param weights not negative, not all 0; or a number N for N equal weights */
  constructor(weights: number | ArrayLike<number>) {
    super()
    const [prob, alias] =
      typeof weights === 'number'
        ? [ops.ones([weights]), ops.zeros([weights], { dtype: 'int64' })]
        : tables(weights)
    this.prob = new TensorBuffer(prob)
    this.alias = new TensorBuffer(alias)
  }

  /** @returns int64 of `shape`, drawn independently with replacement */
  override forward(shape: readonly number[]): Tensor {
    const { prob, alias } = this
    return noGrad(() => {
      const count = shape.reduce((product, size) => product * size, 1)
      const cells = ops.randint(0, prob.shape[0]!, [count], { dtype: 'int64', device: prob.device })
      const kept = prob.index_select(0, cells).bernoulli()
      return ops.where(kept.ne(0), cells, alias.index_select(0, cells)).view([...shape])
    })
  }
}

function tables(weights: ArrayLike<number>): [Tensor, Tensor] {
  const count = weights.length
  let sum = 0
  for (let i = 0; i < count; i++) sum += weights[i]!
  if (!(sum > 0) || Array.from(weights).some((weight) => !(weight >= 0))) {
    throw new VisslError(ExitCode.internal, 'weights of a sampler must be 0 or more, and not all 0')
  }
  const prob = Float64Array.from(weights, (weight) => (weight * count) / sum)
  const alias = new BigInt64Array(count)
  const small: number[] = []
  const large: number[] = []
  for (const [i, p] of prob.entries()) (p < 1 ? small : large).push(i)
  while (small.length > 0 && large.length > 0) {
    const less = small.pop()!
    const more = large.at(-1)!
    alias[less] = BigInt(more)
    prob[more] = prob[more]! - (1 - prob[less]!)
    if (prob[more]! < 1) small.push(large.pop()!)
  }
  for (const rest of [...small, ...large]) prob[rest] = 1
  return [tensor(Float32Array.from(prob)), tensor(alias)]
}
