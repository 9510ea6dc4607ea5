import { ops, Parameter, type Tensor } from '../../engine/index.ts'
import { ExitCode, VisslError } from '../../errors.ts'
import { newTensor, shapesOnly } from '../device.ts'
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
    this.weight = new Parameter(newTensor([outFeatures, inFeatures]))
    this.bias = options.bias === false ? null : new Parameter(newTensor([outFeatures]))
    kaimingUniform_(this.weight, { a: Math.sqrt(5) })
    const bound = inFeatures > 0 ? 1 / Math.sqrt(inFeatures) : 0
    if (this.bias !== null) uniform_(this.bias, -bound, bound)
  }

  override forward(input: Tensor): Tensor {
    if (shapesOnly()) return newTensor(this.#outputShape(input.shape))
    return ops.linear(input, this.weight, this.bias)
  }
  #outputShape(input: readonly number[]): number[] {
    const [out, width] = this.weight.shape as [number, number]
    if (input.at(-1) === width) return [...input.slice(0, -1), out]
    throw new VisslError(
      ExitCode.usage,
      `a linear layer takes vectors of ${width}, got ${input.join('×')}`,
      'check the widths of the layers',
    )
  }

  /** in·out for every vector of the input. */
  override multiplyAdds(_inputs: readonly unknown[], output: unknown): number {
    return (output as Tensor).numel * this.weight.shape[1]!
  }
}
