const losses = async () => (await import('../losses/index.ts')).losses
const meters = async () => (await import('../meters/index.ts')).meters
const models = () => import('../models/index.ts')
const optimizers = async () => (await import('../optim/index.ts')).optimizers
const schedulers = async () => (await import('../optim/schedules/index.ts')).schedulers
const trainSteps = async () => (await import('../train/train-step.ts')).trainSteps

/** Keys that hold the name of a registered part, and the registry that knows them. */
const REGISTRIES: Readonly<Record<string, () => Promise<{ names(): string[] }>>> = {
  'config.LOSS.name': losses,
  'config.METERS.name': meters,
  'config.MODEL.TRUNK.NAME': async () => (await models()).trunks,
  'config.MODEL.HEAD.PARAMS': async () => (await models()).heads,
  'config.OPTIMIZER.name': optimizers,
  'config.OPTIMIZER.param_schedulers.lr.name': schedulers,
  'config.OPTIMIZER.param_schedulers.lr_head.name': schedulers,
  'config.TRAINER.TRAIN_STEP_NAME': trainSteps,
}

/** Keys that hold the name of a registered part. */
export const namedKeys: readonly string[] = Object.keys(REGISTRIES)

/**
 * Names that may stand at a key because a part of that name is registered, plug-ins included; empty for other keys.
 * The parts are loaded for it, libtorch is not.
 *
 * @param key from the root: `config.LOSS.name`
 */
export async function partNames(key: string): Promise<string[]> {
  return Object.hasOwn(REGISTRIES, key) ? (await REGISTRIES[key]!()).names() : []
}
