import { z } from 'zod'
import { visionTransformerPresets, visionTransformerShape } from '../../config/schema/trunks.ts'
import { ops, Parameter, type Tensor } from '../../engine/index.ts'
import { ExitCode, VisslError } from '../../errors.ts'
import { Conv2d, Dropout, init, LayerNorm, Linear, Module, ModuleList, newTensor } from '../../nn/index.ts'
import { type FeatureBlock, Trunk, trunks } from '../trunk.ts'
import { type ImageSettings, requireInput } from './input.ts'
import { TransformerBlock } from './transformer-block.ts'

const visionTransformerParams = z.object(visionTransformerShape)

/** Parameters of {@link VisionTransformer}. */
export type VisionTransformerParams = z.output<typeof visionTransformerParams>

/** N×3×H×W → N×D×(H/patch)×(W/patch). */
class PatchEmbed extends Module {
  readonly proj: Conv2d

  constructor(patch: number, dim: number) {
    super()
    this.proj = new Conv2d(3, dim, patch, { stride: patch })
  }

  override forward(images: Tensor): Tensor {
    return this.proj.call(images)
  }
}

/** A step of the trunk that uses the trunk's own parameters. */
class Step extends Module {
  readonly #run: (input: Tensor) => Tensor

  constructor(run: (input: Tensor) => Tensor) {
    super()
    this.#run = run
  }

  override forward(input: Tensor): Tensor {
    return this.#run(input)
  }
}

/**
 * Vision transformer (Dosovitskiy et al. 2021, arXiv:2010.11929), with the names of VISSL 0.1.6 in its state.
 *
 * Images of another size than IMAGE_SIZE are taken too: the positional embedding is interpolated (bicubic).
 *
 * Features: `embed` (patches and class token, N×tokens×D), `block1`, `block2`, …, `norm` or `lastBLK` (all tokens after
 * the last normalisation), `flatten` or `lastCLS` (N×D: the class token, or with CLASSIFIER gap the mean of all
 * patches).
 */
export class VisionTransformer extends Trunk {
  static readonly key = 'vision_transformer'
  static readonly section = 'VISION_TRANSFORMERS'
  static readonly params = visionTransformerParams

  readonly cls_token: Parameter
  readonly pos_embed: Parameter
  readonly patch_embed: PatchEmbed
  readonly pos_drop: Dropout
  readonly blocks: ModuleList<TransformerBlock>
  readonly norm: LayerNorm
  override readonly outChannels: number
  readonly #patch: number
  /** Patches a side that the positional embedding has. */
  readonly #grid: number
  readonly #classifier: VisionTransformerParams['CLASSIFIER']
  readonly #blocks: FeatureBlock[]

  constructor(params: VisionTransformerParams, model: ImageSettings = { INPUT_TYPE: 'rgb' }) {
    super()
    requireInput(VisionTransformer.key, model, 'rgb', 'bgr')
    const preset = params.name === null ? params : visionTransformerPresets[params.name]
    const { PATCH_SIZE: patch, NUM_LAYERS: depth, NUM_HEADS: heads, HIDDEN_DIM: dim, MLP_DIM: mlp } = preset
    const { IMAGE_SIZE: size, DROPOUT_RATE: dropout, QK_SCALE, QKV_BIAS, CLASSIFIER } = params
    if (size % patch !== 0 || dim % heads !== 0) {
      throw new VisslError(
        ExitCode.usage,
        size % patch !== 0
          ? `VISION_TRANSFORMERS: patches of ${patch} do not divide images of ${size}`
          : `VISION_TRANSFORMERS: ${heads} heads do not divide ${dim} channels`,
        `change ${size % patch !== 0 ? 'PATCH_SIZE or IMAGE_SIZE' : 'NUM_HEADS or HIDDEN_DIM'} of config.MODEL.TRUNK.TRUNK_PARAMS.VISION_TRANSFORMERS`,
      )
    }
    this.#patch = patch
    this.#grid = size / patch
    this.#classifier = CLASSIFIER
    this.outChannels = dim
    this.cls_token = new Parameter(newTensor([1, 1, dim]))
    this.pos_embed = new Parameter(newTensor([1, this.#grid ** 2 + 1, dim]))
    this.patch_embed = new PatchEmbed(patch, dim)
    this.pos_drop = new Dropout(dropout)
    this.blocks = new ModuleList(
      Array.from({ length: depth }, (_, i) => {
        const dropPath = depth === 1 ? 0 : (params.DROP_PATH_RATE * i) / (depth - 1)
        return new TransformerBlock({
          dim,
          heads,
          mlpDim: mlp,
          qkvBias: QKV_BIAS,
          dropout,
          attentionDropout: params.ATTENTION_DROPOUT_RATE,
          dropPath,
          ...(QK_SCALE === false ? {} : { scale: QK_SCALE }),
        })
      }),
    )
    this.norm = new LayerNorm(dim, { eps: 1e-6 })
    this.#blocks = [
      ['embed', new Step((images) => this.#embed(images))],
      ...[...this.blocks].map((block, i): FeatureBlock => [`block${i + 1}`, block]),
      ['norm', this.norm],
      ['flatten', new Step((tokens) => this.#pool(tokens))],
    ]
    this.#initialize()
  }

  override featureBlocks(): FeatureBlock[] {
    return this.#blocks
  }

  override features(): Readonly<Record<string, string>> {
    return { ...super.features(), lastBLK: 'norm', lastCLS: 'flatten' }
  }

  /** @throws VisslError for images that patches do not divide */
  override prepare(images: Tensor): Tensor {
    const [height = 0, width = 0] = images.shape.slice(-2)
    const patch = this.#patch
    if (height >= patch && width >= patch && height % patch === 0 && width % patch === 0) return images
    throw new VisslError(
      ExitCode.usage,
      `patches of ${patch} do not divide images of ${height}×${width}`,
      `crop them to a multiple of ${patch}`,
    )
  }

  /** N×3×H×W → N×(1 + patches)×D. */
  #embed(images: Tensor): Tensor {
    const map = this.patch_embed.call(images)
    const [batch, , height, width] = map.shape as [number, number, number, number]
    const cls = this.cls_token.expand([batch, -1, -1])
    const tokens = ops.cat([cls, map.flatten(2).transpose(1, 2)], 1)
    return this.pos_drop.call(tokens.add(this.#positions(height, width)))
  }

  /** The positional embedding for a grid of that many patches. */
  #positions(height: number, width: number): Tensor {
    const grid = this.#grid
    if (height === grid && width === grid) return this.pos_embed
    const cls = this.pos_embed.narrow(1, 0, 1)
    const map = this.pos_embed.narrow(1, 1, grid ** 2)
    const square = map.reshape([1, grid, grid, -1]).permute([0, 3, 1, 2])
    const resized = ops.upsample_bicubic2d(square, [height, width], false)
    return ops.cat([cls, resized.permute([0, 2, 3, 1]).reshape([1, height * width, -1])], 1)
  }

  /** N×tokens×D → N×D. */
  #pool(tokens: Tensor): Tensor {
    if (this.#classifier === 'token') return tokens.select(1, 0).clone()
    return tokens.narrow(1, 1, tokens.shape[1]! - 1).mean([1])
  }

  #initialize(): void {
    init.truncNormal_(this.cls_token, 0, 0.02)
    init.truncNormal_(this.pos_embed, 0, 0.02)
    for (const [, module] of this.namedModules()) {
      if (!(module instanceof Linear)) continue
      init.truncNormal_(module.weight, 0, 0.02)
      if (module.bias !== null) init.constant_(module.bias, 0)
    }
  }
}

trunks.register(VisionTransformer.key, VisionTransformer)
