import type { Config } from '../config/index.ts'
import { ExitCode, VisslError } from '../errors.ts'
import { losses } from '../losses/index.ts'
import { meters } from '../meters/index.ts'
import { heads, type ModelTrace, traceModel, trunks } from '../models/index.ts'
import { optimizers } from '../optim/index.ts'
import { hooks } from '../train/hook.ts'
import { trainSteps } from '../train/train-step.ts'
import { inputShapes } from './input-shapes.ts'

/**
 * Looks every name up that the configuration gives to a part, before data are fetched or a network is built.
 *
 * @throws VisslError for the first that is unknown, with what is known
 */
export function checkParts(config: Config): void {
  const { MODEL, LOSS, METERS, OPTIMIZER, TRAINER, HOOKS } = config
  trunks.get(MODEL.TRUNK.NAME)
  for (const name of headNames(MODEL.HEAD.PARAMS)) heads.get(name)
  losses.get(LOSS.name)
  if (METERS.name !== '') meters.get(METERS.name)
  if (!config.TEST_ONLY) optimizers.get(OPTIMIZER.name)
  trainSteps.get(TRAINER.TRAIN_STEP_NAME)
  for (const name of HOOKS.EXTRA) hooks.get(name)
}

/** Images that a model is followed with. */
const PROBE = 2

/**
 * Follows a batch through the model, shapes alone: trunk, features, pooling and heads fit one another and the images,
 * or the error says what does not.
 *
 * @returns what the model does with a batch; undefined where the shape of the images cannot be told beforehand
 * @throws VisslError (usage)
 */
export function checkModel(config: Config): ModelTrace | undefined {
  const split = config.TEST_ONLY ? config.DATA.TEST : config.DATA.TRAIN
  const shapes = inputShapes(split, PROBE)
  if (shapes === undefined) return undefined
  try {
    return traceModel(config.MODEL, shapes)
  } catch (error) {
    // A part of one's own that cannot be followed shows in the first step whether it works.
    if (error instanceof VisslError && error.exitCode !== ExitCode.internal) throw error
    return undefined
  }
}

/** Heads are pairs of a name and parameters, or lists of such pairs. */
function headNames(params: readonly unknown[]): string[] {
  return params.flatMap((entry) => {
    if (!Array.isArray(entry)) return []
    return typeof entry[0] === 'string' ? [entry[0]] : headNames(entry)
  })
}
