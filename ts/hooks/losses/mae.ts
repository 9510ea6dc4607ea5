import { noGrad, ops, Tensor } from '../../engine/index.ts'
import { ExitCode, VisslError } from '../../errors.ts'
import type { MaeLoss } from '../../losses/index.ts'
import { MaeDecoder } from '../../models/heads/mae-decoder.ts'
import type { SslModel } from '../../models/index.ts'
import { Hook } from '../../train/hook.ts'
import type { Task } from '../../train/task.ts'

/**
 * Masks patches for a masked autoencoder. While the model trains, a `vision_transformer` goes on with a random share of
 * the embedded patches and gives all tokens to the `mae_decoder`, which is told their places. In evaluation the trunk
 * sees all patches, as kNN and linear probes need it.
 */
export class MaeHook extends Hook {
  readonly name = 'mae'
  readonly #loss: MaeLoss
  #mask: Tensor | undefined
  #removals: (() => void)[] = []

  constructor(loss: MaeLoss) {
    super()
    this.#loss = loss
  }

  override onStart({ model, phases }: Task): void {
    if (phases.some((phase) => !phase.train)) {
      throw new VisslError(ExitCode.usage, 'mae_loss has no test phase', 'set config.TEST_MODEL=false')
    }
    const { embed, pool, decoder } = partsOf(model)
    this.#removals = [
      embed.registerForwardHook((_module, _inputs, output) => {
        if (!model.trunk.training) return undefined
        return this.#hide(output as Tensor, decoder)
      }),
      pool.registerForwardHook((_module, inputs) => (model.trunk.training ? inputs[0] : undefined)),
    ]
  }

  override onForward({ step }: Task): void {
    const { input } = step
    if (!(input instanceof Tensor)) {
      throw new VisslError(ExitCode.usage, 'mae_loss takes one view of every image', 'use default_collate')
    }
    const mask = this.#mask
    if (mask !== undefined) this.#loss.given = { images: input, mask }
  }

  override onLossAndMeter(): void {
    this.#loss.given = undefined
  }

  override onEnd({ model }: Task): void {
    for (const remove of this.#removals) remove()
    this.#mask?.free()
    partsOf(model).decoder.restore?.free()
  }

  /** N×(1+P)×D → N×(1+V)×D: the class token and V patches of each image, drawn at random. */
  #hide(tokens: Tensor, decoder: MaeDecoder): Tensor {
    const [batch, all, dim] = tokens.shape as [number, number, number]
    const count = all - 1
    const seen = Math.max(1, Math.floor(count * (1 - this.#loss.params.mask_ratio)))
    const order = noGrad(() => {
      const shuffled = ops.rand([batch, count]).to({ device: tokens.device }).argsort(1)
      const restore = shuffled.argsort(1)
      decoder.restore?.free()
      decoder.restore = restore.keep()
      this.#mask?.free()
      this.#mask = restore.ge(seen).to('float32').keep()
      return shuffled.narrow(1, 0, seen).unsqueeze(-1).expand([batch, seen, dim])
    })
    return ops.cat([tokens.narrow(1, 0, 1), tokens.narrow(1, 1, count).gather(1, order)], 1)
  }
}

/** The parts of a model that masking needs. @throws VisslError when it lacks one */
function partsOf(model: SslModel) {
  const blocks = new Map(model.trunk.featureBlocks())
  const embed = blocks.get('embed')
  const pool = blocks.get('flatten')
  const [decoder] = model.heads
  if (embed !== undefined && pool !== undefined && blocks.has('block1') && decoder instanceof MaeDecoder) {
    return { embed, pool, decoder }
  }
  throw new VisslError(
    ExitCode.usage,
    'mae_loss needs a vision_transformer and one mae_decoder head',
    'see config=pretrain/mae/mae_1gpu_vit',
  )
}
