import type { z } from 'zod'
import { siameseConcatViewParams } from '../../config/schema/heads.ts'
import type { Tensor } from '../../engine/index.ts'
import { ExitCode, VisslError } from '../../errors.ts'
import { Head, type HeadInput, heads } from '../head.ts'
import { single } from './vectors.ts'

/** Parameters of {@link SiameseConcatView}. */
export type SiameseConcatViewParams = z.output<typeof siameseConcatViewParams>

/** Joins the vectors of T consecutive images, the patches of a jigsaw puzzle say: (B·T)×D → B×(T·D). */
export class SiameseConcatView extends Head {
  static readonly key = 'siamese_concat_view'
  static readonly params = siameseConcatViewParams

  readonly #towers: number

  constructor(params: SiameseConcatViewParams) {
    super()
    this.#towers = params.num_towers
  }

  /** @throws VisslError when the batch is no multiple of the towers */
  override forward(input: HeadInput): Tensor {
    const x = single(input, SiameseConcatView.key)
    const rows = x.shape[0] ?? 0
    if (x.shape.length < 2 || rows % this.#towers !== 0) {
      throw new VisslError(
        ExitCode.usage,
        `a siamese_concat_view head of ${this.#towers} towers cannot split a batch of ${x.shape.join('×')}`,
        `give it batches of a multiple of ${this.#towers}`,
      )
    }
    return x.reshape([rows / this.#towers, (x.numel / rows) * this.#towers])
  }
}

heads.register(SiameseConcatView.key, SiameseConcatView)
