import { broadcast, gather, rank, worldSize } from '../../distributed/index.ts'
import { noGrad, ops, type Tensor } from '../../engine/index.ts'
import { ExitCode, VisslError } from '../../errors.ts'
import { followParameters, type MocoLoss } from '../../losses/index.ts'
import type { SslModel } from '../../models/index.ts'
import { functional } from '../../nn/index.ts'
import { Hook } from '../../train/hook.ts'
import type { Task } from '../../train/task.ts'
import { provideTeacher, runTeacher } from './teacher.ts'

/**
 * MoCo's key encoder: made at the first training batch with the model's parameters and running statistics of its own,
 * afterwards moved towards the model at every one, and run on the second views before the loss. With several
 * processes and batch normalisation in each, images change places first, so that statistics give nothing away.
 */
export class MocoHook extends Hook {
  readonly name = 'moco'
  readonly #loss: MocoLoss

  constructor(loss: MocoLoss) {
    super()
    this.#loss = loss
  }

  override onForward(task: Task): void {
    const loss = this.#loss
    const { teacher, isNew } = provideTeacher(task, loss)
    if (!isNew && task.train) followParameters(teacher, task.model, loss.params.momentum)
    teacher.train(task.train)
    const { sample } = task.step
    if (!sample.keys.includes('data_momentum')) {
      throw new VisslError(
        ExitCode.usage,
        'moco_loss takes a second view of every image from the batch, and there is none',
        `set config.DATA.${task.train ? 'TRAIN' : 'TEST'}.COLLATE_FUNCTION=moco_collator`,
      )
    }
    const images = sample.tensor('data_momentum')
    const shuffles = worldSize() > 1 && !task.config.MODEL.SYNC_BN_CONFIG.CONVERT_BN_TO_SYNC_BN
    loss.key = noGrad(() =>
      shuffles
        ? shuffled(images, (own) => this.#encode(task, teacher, own))
        : this.#encode(task, teacher, images),
    )
  }

  override onLossAndMeter(): void {
    this.#loss.key = undefined
  }

  #encode(task: Task, encoder: SslModel, images: Tensor): Tensor {
    const [embeddings] = runTeacher(task, encoder, images)
    return functional.normalize(embeddings!)
  }
}

/** Encodes a random share of all processes' images, and gives back the own images' keys in their order. */
function shuffled(images: Tensor, encode: (images: Tensor) => Tensor): Tensor {
  const rows = images.shape[0]!
  const all = gather(images.contiguous())
  const order = ops.randperm(all.shape[0]!).to({ device: images.device })
  broadcast(order)
  const own = order.narrow(0, rank() * rows, rows)
  const keys = gather(encode(all.index_select(0, own)).contiguous())
  return keys.index_select(0, order.argsort().narrow(0, rank() * rows, rows))
}
