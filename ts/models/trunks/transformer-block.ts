import { ops, type Tensor } from '../../engine/index.ts'
import { Dropout, DropPath, LayerNorm, Linear, Module, SelfAttention } from '../../nn/index.ts'

/** What a block of a vision transformer is built from. */
export interface TransformerBlockOptions {
  /** Width of a token. */
  readonly dim: number
  readonly heads: number
  /** Width between the two layers of the perceptron. */
  readonly mlpDim: number
  readonly qkvBias: boolean
  /** Factor on the products of queries and keys; (dim / heads)^−½ unless given. */
  readonly scale?: number
  readonly dropout: number
  readonly attentionDropout: number
  /** Probability of leaving a branch out for an image. */
  readonly dropPath: number
}

/** Two linear layers with GELU between them. */
class Perceptron extends Module {
  readonly fc1: Linear
  readonly fc2: Linear
  readonly drop: Dropout

  constructor(dim: number, hidden: number, dropout: number) {
    super()
    this.fc1 = new Linear(dim, hidden)
    this.fc2 = new Linear(hidden, dim)
    this.drop = new Dropout(dropout)
  }

  override forward(input: Tensor): Tensor {
    const hidden = this.drop.call(ops.gelu(this.fc1.call(input)))
    return this.drop.call(this.fc2.call(hidden))
  }
}

/** Self-attention and perceptron, each normalised before and added to its input: N×tokens×D → N×tokens×D. */
export class TransformerBlock extends Module {
  readonly norm1: LayerNorm
  readonly attn: SelfAttention
  readonly norm2: LayerNorm
  readonly mlp: Perceptron
  readonly drop_path: DropPath

  constructor(options: TransformerBlockOptions) {
    super()
    const { dim, heads, mlpDim, dropout } = options
    this.norm1 = new LayerNorm(dim, { eps: 1e-6 })
    this.attn = new SelfAttention(dim, heads, options)
    this.norm2 = new LayerNorm(dim, { eps: 1e-6 })
    this.mlp = new Perceptron(dim, mlpDim, dropout)
    this.drop_path = new DropPath(options.dropPath)
  }

  override forward(input: Tensor): Tensor {
    const attended = input.add(this.drop_path.call(this.attn.call(this.norm1.call(input))))
    return attended.add(this.drop_path.call(this.mlp.call(this.norm2.call(attended))))
  }
}
