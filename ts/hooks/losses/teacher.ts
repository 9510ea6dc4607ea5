import { worldGroup } from '../../distributed/index.ts'
import { noGrad, rngState, scope, setRngState, Tensor } from '../../engine/index.ts'
import { ExitCode, VisslError } from '../../errors.ts'
import type { MomentumLoss } from '../../losses/index.ts'
import { copyStatistics, followParameters } from '../../losses/index.ts'
import { SslModel } from '../../models/index.ts'
import { convertSyncBatchNorm } from '../../nn/index.ts'
import type { Task } from '../../train/task.ts'

/** How a second network is made. */
export interface TeacherOptions {
  /** Leave the last head out: the predictor that only the model has. */
  readonly withoutPredictor?: boolean
  /** Start with the model's running statistics; otherwise with fresh ones. */
  readonly copyStatistics?: boolean
  /** Batch normalisation over all processes. */
  readonly synchronized?: boolean
}

/**
 * The loss's second network: made now, a copy of the model, unless there is one. A checkpoint's state that waits for
 * it is applied.
 *
 * @returns the network, and whether it was made now without a checkpoint's state
 */
export function provideTeacher(
  task: Task,
  loss: MomentumLoss,
  options: TeacherOptions = {},
): { teacher: SslModel; isNew: boolean } {
  if (loss.encoder !== null) return { teacher: loss.encoder as SslModel, isNew: false }
  const teacher = copyModel(task, options)
  return { teacher, isNew: !loss.adopt(teacher) }
}

/** A copy of the model with memory of its own. It draws nothing from the random generator, so that runs resume alike. */
function copyModel({ model, config }: Task, options: TeacherOptions): SslModel {
  const teacher = scope(() => {
    const random = rngState()
    const copy = new SslModel(
      options.withoutPredictor ? withoutLastHead(model) : withoutDropPath(model.config),
    )
    setRngState(random)
    return copy
  })
  const [first] = model.parameters()
  teacher.to({
    ...(first === undefined ? {} : { device: first.device }),
    ...(config.MACHINE.MEMORY_FORMAT === 'contiguous' ? {} : { memoryFormat: 'channels_last' }),
  })
  if (options.synchronized) convertSyncBatchNorm(teacher, worldGroup())
  followParameters(teacher, model, 0)
  if (options.copyStatistics) copyStatistics(teacher, model)
  return teacher
}

/** The configuration of a model whose last head stays away. */
function withoutLastHead(model: SslModel): SslModel['config'] {
  const heads = requirePredictor(model)
  const config = withoutDropPath(model.config)
  return { ...config, HEAD: { ...config.HEAD, PARAMS: heads.slice(0, -1) } }
}

/** Momentum networks see all blocks. */
function withoutDropPath(config: SslModel['config']): SslModel['config'] {
  const params = config.TRUNK.TRUNK_PARAMS
  const section = 'VISION_TRANSFORMERS'
  const transformer = params[section] ?? (config.TRUNK as Record<string, unknown>)[section]
  if (typeof transformer !== 'object' || transformer === null || !('DROP_PATH_RATE' in transformer))
    return config
  const changed = { ...params, [section]: { ...transformer, DROP_PATH_RATE: 0 } }
  return { ...config, TRUNK: { ...config.TRUNK, TRUNK_PARAMS: changed } }
}

/** The heads, of which the last is the predictor. @throws VisslError when there are not at least two in a chain */
export function requirePredictor(model: SslModel): SslModel['config']['HEAD']['PARAMS'] {
  const heads = model.config.HEAD.PARAMS
  if (heads.length >= 2) return heads
  throw new VisslError(
    ExitCode.usage,
    `this loss needs a projection head and after it a predictor, and the model has ${heads.length} head(s)`,
    'give config.MODEL.HEAD.PARAMS two mlp heads: [[mlp,{dims:[…]}],[mlp,{dims:[…]}]]',
  )
}

/** Runs a second network on a batch in the precision of the run, without gradients. */
export function runTeacher(
  task: Task,
  teacher: SslModel,
  input: Parameters<SslModel['forward']>[0],
): Tensor[] {
  return noGrad(() => task.precision.run(() => teacher.call(input)))
}

/** Some crops of the batch. @throws VisslError when the batch does not hold that many */
export function cropsOf(task: Task, numbers: readonly number[]): Tensor[] {
  const { input } = task.step
  const crops: readonly Tensor[] = input instanceof Tensor ? [input] : Array.isArray(input) ? input : []
  return numbers.map((number) => {
    const crop = crops[number]
    if (crop !== undefined) return crop
    throw new VisslError(
      ExitCode.usage,
      `the loss takes crop ${number} of every image, and the batch has ${crops.length}`,
      'set config.DATA.TRAIN.COLLATE_FUNCTION=multicrop_collator, and begin TRANSFORMS with ImgPilToMultiCrop',
    )
  })
}
