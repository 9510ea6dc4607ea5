import type { z } from 'zod'
import { swavHeadParams } from '../../config/schema/heads.ts'
import { ops, Parameter, type Tensor } from '../../engine/index.ts'
import { ExitCode, VisslError } from '../../errors.ts'
import {
  BatchNorm1d,
  functional,
  GELU,
  init,
  Layer,
  Linear,
  type Module,
  newTensor,
  ReLU,
  Sequential,
  type TensorModule,
} from '../../nn/index.ts'
import { Head, type HeadInput, heads } from '../head.ts'
import type { ModelParams } from '../params.ts'
import { requireWidth, vectors } from './vectors.ts'

/** Parameters of {@link SwavHead}. */
export type SwavHeadParams = z.output<typeof swavHeadParams>

/**
 * Projection and prototypes of SwAV (Caron et al. 2020, arXiv:2006.09882) and DINO.
 *
 * N×dims[0] → a list: the embeddings N×dims[last] (of length 1 unless told otherwise) and, for each set of prototypes,
 * their products N×num_clusters[i].
 */
export class SwavHead extends Head {
  static readonly key = 'swav_head'
  static readonly params = swavHeadParams

  readonly projection_head: Sequential
  readonly #prototypes: readonly TensorModule[]
  readonly #params: SwavHeadParams

  /** @throws VisslError when the head would return nothing */
  constructor(params: SwavHeadParams, model: Pick<ModelParams, 'HEAD'>) {
    super()
    if (params.num_clusters.length === 0 && !params.return_embeddings) {
      throw new VisslError(
        ExitCode.usage,
        'a swav_head without num_clusters and without return_embeddings returns nothing',
        'give it num_clusters, [3000] for example',
      )
    }
    this.#params = params
    this.projection_head = projection(params, model)
    const width = params.dims.at(-1)!
    const kind = params.use_weight_norm_prototypes ? UnitPrototypes : Prototypes
    this.#prototypes = params.num_clusters.map((count) => new kind(width, count))
  }

  override *namedChildren(): Generator<[string, Module]> {
    yield* super.namedChildren()
    for (const [i, prototypes] of this.#prototypes.entries()) yield [`prototypes${i}`, prototypes]
  }

  override forward(input: HeadInput): Tensor[] {
    const x = vectors(input, SwavHead.key)
    requireWidth(x, this.#params.dims[0]!, SwavHead.key)
    const projected = this.projection_head.call(x)
    const embeddings = this.#params.normalize_feats ? functional.normalize(projected) : projected
    const scores = this.#prototypes.map((prototypes) => prototypes.call(embeddings))
    return this.#params.return_embeddings ? [embeddings, ...scores] : scores
  }
}

/** Linear layers with normalisation and activation between them. */
function projection(params: SwavHeadParams, model: Pick<ModelParams, 'HEAD'>): Sequential {
  const { dims, use_bn, use_bias: bias, skip_last_bn, activation_name } = params
  const { BATCHNORM_EPS: eps, BATCHNORM_MOMENTUM: momentum } = model.HEAD
  const layers: TensorModule[] = []
  for (const [i, next] of dims.slice(1).entries()) {
    layers.push(new Linear(dims[i]!, next, { bias }))
    if (skip_last_bn && i === dims.length - 2) break
    if (use_bn) layers.push(new BatchNorm1d(next, { eps, momentum }))
    layers.push(activation_name === 'GELU' ? new GELU() : new ReLU({ inplace: true }))
  }
  return new Sequential(layers)
}

/** One vector a cluster. */
class Prototypes extends Linear {
  constructor(width: number, count: number) {
    super(width, count, { bias: false })
  }
}

/** Prototypes whose length is a parameter of its own, 1 at first (Salimans & Kingma 2016, arXiv:1602.07868). */
class UnitPrototypes extends Layer {
  readonly weight_g: Parameter
  readonly weight_v: Parameter

  constructor(width: number, count: number) {
    super()
    this.weight_g = new Parameter(newTensor([count, 1], 1))
    this.weight_v = new Parameter(newTensor([count, width]))
    init.kaimingUniform_(this.weight_v, { a: Math.sqrt(5) })
  }

  override forward(input: Tensor): Tensor {
    return ops.linear(input, this.weight_v.mul(this.weight_g.div(this.weight_v.norm(2, [1], true))), null)
  }

  override multiplyAdds(_inputs: readonly unknown[], output: unknown): number {
    return (output as Tensor).numel * this.weight_v.shape[1]!
  }
}

heads.register(SwavHead.key, SwavHead)
