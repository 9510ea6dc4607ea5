import type { Config } from '../config/index.ts'
import { losses } from '../losses/index.ts'
import { meters } from '../meters/index.ts'
import { heads, trunks } from '../models/index.ts'
import { optimizers } from '../optim/index.ts'
import { hooks } from '../train/hook.ts'
import { trainSteps } from '../train/train-step.ts'

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

/** Heads are pairs of a name and parameters, or lists of such pairs. */
function headNames(params: readonly unknown[]): string[] {
  return params.flatMap((entry) => {
    if (!Array.isArray(entry)) return []
    return typeof entry[0] === 'string' ? [entry[0]] : headNames(entry)
  })
}
