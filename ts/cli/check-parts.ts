import { type Config, type Mistake, type Origin, originOf, placeOf, type Tree } from '../config/index.ts'
import { VisslError } from '../errors.ts'
import { losses } from '../losses/index.ts'
import { meters } from '../meters/index.ts'
import { heads, trunks } from '../models/index.ts'
import { parseParams } from '../nn/index.ts'
import { optimizers } from '../optim/index.ts'
import { hooks } from '../train/hook.ts'
import { trainSteps } from '../train/train-step.ts'
import { schedulesOf } from './schedules.ts'

/**
 * What training would refuse when it builds the parts that an inferred configuration names: unknown names, parameters
 * that do not fit, impossible schedules. Nothing is built and no libtorch is needed.
 *
 * @param known what is wrong with values as such; what follows from it is not told again
 */
export function checkParts(
  tree: Tree,
  origins: ReadonlyMap<string, Origin>,
  known: readonly Mistake[] = [],
): Mistake[] {
  const { LOSS, MODEL, OPTIMIZER, METERS, TRAINER, HOOKS } = tree.config as unknown as Config
  const mistakes: Mistake[] = []
  const attempt = (key: string, check: () => unknown): void => {
    if (known.some(({ message }) => message.includes(`config.${key}`))) return
    try {
      check()
    } catch (error) {
      // Values that are known to be wrong may be of any type.
      if (!(error instanceof VisslError) && known.length > 0) return
      if (!(error instanceof VisslError)) throw error
      const full = `config.${key}`
      const origin = originOf(origins, full)
      const place = origin.kind === 'default' ? '' : `${placeOf(origin, full)}  `
      mistakes.push({ message: `${place}${full}: ${error.message}`, fix: error.fix ?? '' })
    }
  }

  attempt('LOSS.name', () => {
    const { params } = losses.get(LOSS.name)
    const block = (LOSS as Readonly<Record<string, unknown>>)[LOSS.name]
    attempt(`LOSS.${LOSS.name}`, () => parseParams(`loss "${LOSS.name}"`, params, block))
  })
  attempt('MODEL.TRUNK.NAME', () => {
    const { NAME, TRUNK_PARAMS } = MODEL.TRUNK
    const { key, section = key, params } = trunks.get(NAME)
    const block = (TRUNK_PARAMS as Readonly<Record<string, unknown>>)[section]
    attempt(`MODEL.TRUNK.TRUNK_PARAMS.${section}`, () => parseParams(`trunk "${NAME}"`, params, block))
  })
  attempt('MODEL.HEAD.PARAMS', () => {
    for (const [i, entry] of MODEL.HEAD.PARAMS.entries()) {
      const chain = (typeof entry[0] === 'string' ? [entry] : entry) as readonly (readonly [
        string,
        unknown,
      ])[]
      for (const [name, params] of chain)
        attempt(`MODEL.HEAD.PARAMS.${i}`, () => parseParams(`head "${name}"`, heads.get(name).params, params))
    }
  })
  attempt('OPTIMIZER.name', () => {
    const { params } = optimizers.get(OPTIMIZER.name)
    attempt('OPTIMIZER', () => parseParams(`optimizer "${OPTIMIZER.name}"`, params, OPTIMIZER))
  })
  attempt('OPTIMIZER', () => schedulesOf(tree))
  attempt('TRAINER.TRAIN_STEP_NAME', () => trainSteps.get(TRAINER.TRAIN_STEP_NAME))
  attempt('METERS.name', () => METERS.name === '' || meters.get(METERS.name))
  attempt('METERS.names', () => METERS.names?.map((name) => meters.get(name)))
  attempt('HOOKS.EXTRA', () => HOOKS.EXTRA.map((name) => hooks.get(name)))
  return mistakes
}
