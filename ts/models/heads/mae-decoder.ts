import type { z } from 'zod'
import { maeDecoderParams } from '../../config/schema/losses/index.ts'
import { ops, Parameter, type Tensor, TensorBuffer, tensor } from '../../engine/index.ts'
import { ExitCode, VisslError } from '../../errors.ts'
import { init, LayerNorm, Linear, ModuleList, newTensor } from '../../nn/index.ts'
import { Head, type HeadInput, heads } from '../head.ts'
import { TransformerBlock } from '../trunks/transformer-block.ts'

/**
 * Decoder of a masked autoencoder (He et al. 2022, arXiv:2111.06377): the tokens of the patches that the trunk saw →
 * the pixels of all patches.
 *
 * N×(1+V)×in_dim (class token first) → N×P×(patch_size²·3). {@link restore} says where each patch belongs; it is set
 * before each call by what masks the patches.
 */
export class MaeDecoder extends Head {
  static readonly key = 'mae_decoder'
  static readonly params = maeDecoderParams

  readonly mask_token: Parameter
  readonly decoder_embed: Linear
  readonly decoder_blocks: ModuleList<TransformerBlock>
  readonly decoder_norm: LayerNorm
  readonly decoder_pred: Linear
  /** N×P int64: for each patch its place among the tokens, those seen first. */
  restore: Tensor | undefined
  #positions: TensorBuffer | null = null
  readonly #dim: number

  /** @throws VisslError for widths that do not divide */
  constructor(params: z.output<typeof maeDecoderParams>) {
    super()
    const { in_dim, dim, depth, heads: count, patch_size } = params
    if (dim % 4 !== 0 || dim % count !== 0) {
      throw new VisslError(
        ExitCode.usage,
        `mae_decoder: dim is ${dim}, no multiple of 4 and of its ${count} heads`,
        'choose sizes that divide',
      )
    }
    this.#dim = dim
    this.mask_token = new Parameter(newTensor([1, 1, dim]))
    this.decoder_embed = new Linear(in_dim, dim)
    this.decoder_blocks = new ModuleList(
      Array.from(
        { length: depth },
        () =>
          new TransformerBlock({
            dim,
            heads: count,
            mlpDim: 4 * dim,
            qkvBias: true,
            dropout: 0,
            attentionDropout: 0,
            dropPath: 0,
          }),
      ),
    )
    this.decoder_norm = new LayerNorm(dim, { eps: 1e-6 })
    this.decoder_pred = new Linear(dim, patch_size * patch_size * 3)
    init.normal_(this.mask_token, 0, 0.02)
    for (const [, module] of this.namedModules()) {
      if (!(module instanceof Linear)) continue
      init.xavierUniform_(module.weight)
      if (module.bias !== null) init.constant_(module.bias, 0)
    }
  }

  /** @throws VisslError when nothing masks patches, as in a test or without `mae_loss` */
  override forward(input: HeadInput): Tensor {
    const tokens = Array.isArray(input) ? (input[0] as Tensor) : (input as Tensor)
    const { restore } = this
    if (restore === undefined && tokens.device === 'meta') return this.#followed(tokens)
    if (restore === undefined || tokens.shape.length !== 3) {
      throw new VisslError(
        ExitCode.usage,
        'a mae_decoder takes the tokens of masked images',
        'use it with mae_loss and a vision_transformer, and set config.TEST_MODEL=false',
      )
    }
    const embedded = this.decoder_embed.call(tokens)
    const [batch, seen, dim] = embedded.shape as [number, number, number]
    const count = restore.shape[1]!
    const hidden = this.mask_token.expand([batch, count - (seen - 1), dim]).to(embedded.dtype)
    const shuffled = ops.cat([embedded.narrow(1, 1, seen - 1), hidden], 1)
    const order = restore.unsqueeze(-1).expand([batch, count, dim])
    const patches = shuffled.gather(1, order).add(this.#places(count, embedded))
    return this.#pixels(ops.cat([embedded.narrow(1, 0, 1), patches], 1)).narrow(1, 1, count)
  }

  /** Where shapes alone are followed nothing masks: N×in_dim → N×1×(patch_size²·3), so that widths are checked. */
  #followed(features: Tensor): Tensor {
    return this.#pixels(this.decoder_embed.call(features.flatten(1).unsqueeze(1)))
  }

  /** N×T×dim → N×T×(patch_size²·3). */
  #pixels(tokens: Tensor): Tensor {
    let x = tokens
    for (const block of this.decoder_blocks) x = block.call(x)
    return this.decoder_pred.call(this.decoder_norm.call(x))
  }

  override free(): void {
    super.free()
    this.#positions?.free()
  }

  /** 1×P×dim: sines and cosines of a square grid's rows and columns. */
  #places(count: number, like: Tensor): Tensor {
    if (this.#positions?.shape[1] !== count) {
      this.#positions?.free()
      this.#positions = new TensorBuffer(
        tensor(gridPositions(count, this.#dim), { shape: [1, count, this.#dim] }),
      )
    }
    return this.#positions.to({ device: like.device, dtype: like.dtype })
  }
}

/** Half of the columns tell the row, half the column, of each cell of a square grid. */
function gridPositions(count: number, dim: number): Float32Array {
  const side = Math.round(Math.sqrt(count))
  const quarter = dim / 4
  const out = new Float32Array(count * dim)
  for (let cell = 0; cell < count; cell++) {
    for (const [half, place] of [cell % side, Math.floor(cell / side)].entries()) {
      for (let i = 0; i < quarter; i++) {
        const angle = place / 10000 ** (i / quarter)
        out[cell * dim + 2 * half * quarter + i] = Math.sin(angle)
        out[cell * dim + (2 * half + 1) * quarter + i] = Math.cos(angle)
      }
    }
  }
  return out
}

heads.register(MaeDecoder.key, MaeDecoder)
