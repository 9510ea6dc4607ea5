import {
  type Config,
  describeOrigin,
  type Mistake,
  type Origin,
  originOf,
  type Tree,
} from '../config/index.ts'
import { VisslError } from '../errors.ts'
import { losses } from '../losses/index.ts'
import { meters } from '../meters/index.ts'
import { heads, trunks } from '../models/index.ts'
import { parseParams } from '../nn/index.ts'
import { optimizers } from '../optim/index.ts'
import { schedulesOf } from './schedules.ts'

/**
 * What training would refuse when it builds the parts that an inferred configuration names: unknown names, parameters
 * that do not fit, impossible schedules. Nothing is built and no libtorch is needed.
 */
export function checkParts(tree: Tree, origins: ReadonlyMap<string, Origin>): Mistake[] {
  const { LOSS, MODEL, OPTIMIZER, METERS } = tree.config as unknown as Config
  const mistakes: Mistake[] = []
  const attempt = (key: string, check: () => unknown): void => {
    try {
      check()
    } catch (error) {
      if (!(error instanceof VisslError)) throw error
      const origin = originOf(origins, `config.${key}`)
      const place = origin.kind === 'default' ? '' : `${describeOrigin(origin)}  `
      mistakes.push({ message: `${place}config.${key}: ${error.message}`, fix: error.fix ?? '' })
    }
  }

  attempt('LOSS.name', () => losses.get(LOSS.name))
  if (losses.has(LOSS.name)) {
    const params = (LOSS as Readonly<Record<string, unknown>>)[LOSS.name]
    attempt(`LOSS.${LOSS.name}`, () =>
      parseParams(`loss "${LOSS.name}"`, losses.get(LOSS.name).params, params),
    )
  }
  const { NAME } = MODEL.TRUNK
  attempt('MODEL.TRUNK.NAME', () => trunks.get(NAME))
  if (trunks.has(NAME)) {
    const kind = trunks.get(NAME)
    const section = kind.section ?? kind.key
    const params = (MODEL.TRUNK.TRUNK_PARAMS as Readonly<Record<string, unknown>>)[section]
    attempt(`MODEL.TRUNK.TRUNK_PARAMS.${section}`, () => parseParams(`trunk "${NAME}"`, kind.params, params))
  }
  for (const [i, entry] of MODEL.HEAD.PARAMS.entries()) {
    const chain = typeof entry[0] === 'string' ? [entry] : entry
    for (const [name, params] of chain as readonly [string, unknown][]) {
      attempt(`MODEL.HEAD.PARAMS.${i}`, () => parseParams(`head "${name}"`, heads.get(name).params, params))
    }
  }
  attempt('OPTIMIZER.name', () => {
    parseParams(`optimizer "${OPTIMIZER.name}"`, optimizers.get(OPTIMIZER.name).params, OPTIMIZER)
  })
  attempt('OPTIMIZER.param_schedulers.lr', () => schedulesOf(tree))
  if (METERS.name !== '') attempt('METERS.name', () => meters.get(METERS.name))
  return mistakes
}
