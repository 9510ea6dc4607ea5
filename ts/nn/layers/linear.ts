import { ops, Parameter, type Tensor } from '../../engine/index.ts'
import { kaimingUniform_, uniform_ } from '../init.ts'
import { Layer } from '../module.ts'

/** Options of {@link Linear}. */
export interface LinearOptions {
  /** Whether a learned offset is added; true unless given. */
  readonly bias?: boolean
}

/** y = x·Wᵀ + b over the last dimension: …×in → …×out. */
export class Linear extends Layer {
  readonly weight: Parameter
  readonly bias: Parameter | null

  constructor(inFeatures: number, outFeatures: number, options: LinearOptions = {}) {
    super()
    this.weight = new Parameter(ops.empty([outFeatures, inFeatures], { dtype: 'float32' }))
    this.bias = options.bias === false ? null : new Parameter(ops.empty([outFeatures], { dtype: 'float32' }))
    kaimingUniform_(this.weight, { a: Math.sqrt(5) })
    const bound = inFeatures > 0 ? 1 / Math.sqrt(inFeatures) : 0
    if (this.bias !== null) uniform_(this.bias, -bound, bound)
  }

  override forward(input: Tensor): Tensor {
    return ops.linear(input, this.weight, this.bias)
  }
}
