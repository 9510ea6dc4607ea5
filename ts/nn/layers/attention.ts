import { ops, type Tensor } from '../../engine/index.ts'
import { newTensor, shapesOnly } from '../device.ts'
import { Module } from '../module.ts'
import { Linear } from './linear.ts'
import { Dropout } from './shape.ts'

/** Options of {@link SelfAttention}. */
export interface SelfAttentionOptions {
  /** Whether query, key and value have a learned offset. */
  readonly qkvBias?: boolean
  /** Factor on the products of queries and keys; (D / heads)^−½ unless given. */
  readonly scale?: number
  /** Dropout of the attention weights, in [0, 1]. */
  readonly attentionDropout?: number
  /** Dropout of the output, in [0, 1]. */
  readonly dropout?: number
}

/** Multi-head self-attention (Vaswani et al. 2017, arXiv:1706.03762): N×tokens×D → N×tokens×D. */
export class SelfAttention extends Module {
  readonly qkv: Linear
  readonly proj: Linear
  readonly proj_drop: Dropout
  readonly #heads: number
  readonly #scale: number | null
  readonly #attentionDropout: number

  constructor(dim: number, heads: number, options: SelfAttentionOptions = {}) {
    super()
    if (dim % heads !== 0) throw new RangeError(`${heads} heads do not divide ${dim} channels`)
    this.qkv = new Linear(dim, 3 * dim, { bias: options.qkvBias ?? false })
    this.proj = new Linear(dim, dim)
    this.#heads = heads
    this.#scale = options.scale ?? null
    this.#attentionDropout = options.attentionDropout ?? 0
    this.proj_drop = new Dropout(options.dropout ?? 0)
  }

  override forward(input: Tensor): Tensor {
    const [batch, tokens, dim] = input.shape as [number, number, number]
    const heads = this.#heads
    const packed = this.qkv.call(input).reshape([batch, tokens, 3, heads, dim / heads])
    const [query, key, value] = packed.permute([2, 0, 3, 1, 4]).unbind(0) as [Tensor, Tensor, Tensor]
    const mixed = shapesOnly()
      ? newTensor([batch, heads, tokens, dim / heads])
      : ops.scaled_dot_product_attention(
          query,
          key,
          value,
          null,
          this.training ? this.#attentionDropout : 0,
          false,
          { scale: this.#scale },
        )
    return this.proj_drop.call(this.proj.call(mixed.transpose(1, 2).reshape([batch, tokens, dim])))
  }

  /** Queries by keys and weights by values: 2·tokens²·D for each image. */
  override multiplyAdds(inputs: readonly unknown[]): number {
    const [batch, tokens, dim] = (inputs[0] as Tensor).shape as [number, number, number]
    return 2 * batch * tokens * tokens * dim
  }
}
