import { z } from 'zod'
import { noGrad, type Tensor } from '../../engine/index.ts'
import { ExitCode, VisslError } from '../../errors.ts'
import { BatchNorm1d, Dropout, Linear, ReLU, Sequential, type TensorModule } from '../../nn/index.ts'
import { Head, type HeadInput, heads } from '../head.ts'
import type { ModelParams } from '../params.ts'

const mlpParams = z.strictObject({
  dims: z.array(z.number().int().positive()).min(2).describe('widths from input to output'),
  use_bn: z.boolean().default(false).describe('batch normalisation after every linear layer'),
  use_relu: z.boolean().default(false).describe('ReLU after every linear layer'),
  use_dropout: z.boolean().default(false).describe('dropout of 0.5 after every linear layer'),
  use_bias: z.boolean().default(true).describe('bias of the linear layers'),
  skip_last_layer_relu_bn: z
    .boolean()
    .default(false)
    .describe('leave the last linear layer bare, as VISSL 0.1.6 does by default'),
})

/** Parameters of {@link Mlp}. */
export type MlpParams = z.output<typeof mlpParams>

/**
 * Linear layers, each followed by what the parameters ask for; by default that holds for the last one too.
 *
 * Takes N×C, or N×C×1×1 (any number of trailing ones), or a list of one such tensor; gives N×dims[last].
 */
export class Mlp extends Head {
  static readonly key = 'mlp'
  static readonly params = mlpParams

  readonly clf: Sequential
  readonly #width: number

  constructor(params: MlpParams, model: Pick<ModelParams, 'HEAD'>) {
    super()
    const { BATCHNORM_EPS: eps, BATCHNORM_MOMENTUM: momentum, PARAMS_MULTIPLIER: multiplier } = model.HEAD
    const layers: TensorModule[] = []
    this.#width = params.dims[0]!
    let width = this.#width
    for (const [i, next] of params.dims.slice(1).entries()) {
      layers.push(new Linear(width, next, { bias: params.use_bias }))
      width = next
      if (params.skip_last_layer_relu_bn && i === params.dims.length - 2) break
      if (params.use_bn) layers.push(new BatchNorm1d(next, { eps, momentum }))
      if (params.use_relu) layers.push(new ReLU({ inplace: true }))
      if (params.use_dropout) layers.push(new Dropout())
    }
    this.clf = new Sequential(layers)
    if (multiplier !== 1) {
      noGrad(() => {
        for (const layer of layers) {
          if (!(layer instanceof Linear)) continue
          layer.weight.mul_(multiplier)
          layer.bias?.mul_(multiplier)
        }
      })
    }
  }

  /** @throws VisslError when more than two dimensions are larger than 1, or the width is not `dims[0]` */
  override forward(input: HeadInput): Tensor {
    const x = flat(input)
    const width = x.shape[1]!
    if (width !== this.#width) {
      throw new VisslError(
        ExitCode.usage,
        `an mlp head takes ${this.#width} features, but what comes before it gives ${width}`,
        `make the first of its dims ${width} in config.MODEL.HEAD.PARAMS`,
      )
    }
    return this.clf.call(x)
  }
}

/** N×C×1×1 → N×C. The batch dimension stays, whatever its size. */
function flat(input: HeadInput): Tensor {
  const x = Array.isArray(input) ? (input[0] as Tensor) : (input as Tensor)
  const { shape } = x
  if (Array.isArray(input) && input.length !== 1) {
    throw new VisslError(ExitCode.usage, `the mlp head takes one tensor, got a list of ${input.length}`)
  }
  if (shape.length === 2) return x
  if (shape.length < 2 || shape.slice(2).some((size) => size !== 1)) {
    throw new VisslError(
      ExitCode.usage,
      `the mlp head takes N×C or N×C×1×1, got ${shape.join('×')}`,
      'pool the feature first, or use the feature "flatten"',
    )
  }
  return x.flatten(1)
}

heads.register(Mlp.key, Mlp)
