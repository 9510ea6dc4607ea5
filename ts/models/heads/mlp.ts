import type { z } from 'zod'
import { mlpParams } from '../../config/schema/heads.ts'
import { noGrad, type Tensor } from '../../engine/index.ts'
import { BatchNorm1d, Dropout, Linear, ReLU, Sequential, type TensorModule } from '../../nn/index.ts'
import { Head, type HeadInput, heads } from '../head.ts'
import type { ModelParams } from '../params.ts'
import { requireWidth, vectors } from './vectors.ts'

/** Parameters of {@link Mlp}. */
export type MlpParams = z.output<typeof mlpParams>

/**
 * Linear layers, each followed by what the parameters ask for; by default that holds for the last one too.
 *
 * Takes N×C, or N×C×1×1 (ones in any number and place), or a list of one such tensor; gives N×dims[last].
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
    const x = vectors(input, Mlp.key)
    requireWidth(x, this.#width, Mlp.key)
    return this.clf.call(x)
  }
}

heads.register(Mlp.key, Mlp)
