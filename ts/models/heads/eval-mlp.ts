import type { z } from 'zod'
import { evalMlpParams, mlpParams } from '../../config/schema/heads.ts'
import type { Tensor } from '../../engine/index.ts'
import { ExitCode, VisslError } from '../../errors.ts'
import { BatchNorm2d } from '../../nn/index.ts'
import { Head, type HeadInput, heads } from '../head.ts'
import type { ModelParams } from '../params.ts'
import { Mlp } from './mlp.ts'
import { requireWidth, single } from './vectors.ts'

/** Parameters of {@link EvalMlp}. */
export type EvalMlpParams = z.output<typeof evalMlpParams>

/**
 * The linear classifier of feature evaluation: batch normalisation of the channels, flattening, then an `mlp`.
 *
 * Takes N×C×H×W or N×C with C = in_channels and C·H·W = dims[0]; gives N×dims[last].
 */
export class EvalMlp extends Head {
  static readonly key = 'eval_mlp'
  static readonly params = evalMlpParams

  readonly channel_bn: BatchNorm2d
  readonly clf: Mlp
  readonly #channels: number
  readonly #width: number

  constructor(params: EvalMlpParams, model: Pick<ModelParams, 'HEAD'>) {
    super()
    const { BATCHNORM_EPS: eps, BATCHNORM_MOMENTUM: momentum } = model.HEAD
    const { in_channels, dims, use_bn, use_relu } = params
    this.#channels = in_channels
    this.#width = dims[0]!
    this.channel_bn = new BatchNorm2d(in_channels, { eps, momentum })
    this.clf = new Mlp(mlpParams.parse({ dims, use_bn, use_relu }), model)
  }

  /** @throws VisslError when the input has other dimensions, channels or width */
  override forward(input: HeadInput): Tensor {
    const x = single(input, EvalMlp.key)
    const { shape } = x
    if (shape.length !== 2 && shape.length !== 4) {
      throw new VisslError(
        ExitCode.usage,
        `the eval_mlp head takes N×C×H×W or N×C, got ${shape.join('×')}`,
        'give it a feature of the trunk',
      )
    }
    if (shape[1] !== this.#channels) {
      throw new VisslError(
        ExitCode.usage,
        `an eval_mlp head takes ${this.#channels} channels, but the feature has ${shape[1]} (${shape.join('×')})`,
        shape.length === 2
          ? 'set its in_channels to that, or config.MODEL.FEATURE_EVAL_SETTINGS.SHOULD_FLATTEN_FEATS=false'
          : 'set its in_channels to that in config.MODEL.HEAD.PARAMS',
      )
    }
    const images = shape.length === 2 ? x.reshape([shape[0]!, shape[1]!, 1, 1]) : x
    const flat = this.channel_bn.call(images).flatten(1)
    requireWidth(flat, this.#width, EvalMlp.key)
    return this.clf.call(flat)
  }
}

heads.register(EvalMlp.key, EvalMlp)
