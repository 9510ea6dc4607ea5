import { VisslError } from '../errors.ts'
import type { Composition } from './compose.ts'
import { inferConfig } from './infer.ts'
import { errorOf, type Mistake } from './mistake.ts'
import { describeOrigin } from './origins.ts'
import { type Config, rootSchema } from './schema/index.ts'
import { getAt, type Tree } from './tree.ts'

/** Keys that rules calculate with; of another type they would give nonsense rather than an error. */
const READ_BY_RULES = [
  'VERSION',
  'config.DATA.TRAIN.BATCHSIZE_PER_REPLICA',
  'config.DATA.TRAIN.LABEL_SOURCES',
  'config.DATA.TRAIN.TRANSFORMS',
  'config.DATA.TEST.LABEL_SOURCES',
  'config.DISTRIBUTED.NUM_NODES',
  'config.DISTRIBUTED.NUM_PROC_PER_NODE',
  'config.LOSS.name',
  'config.METERS.name',
  'config.MODEL.FEATURE_EVAL_SETTINGS',
  'config.MODEL.HEAD.PARAMS',
  'config.OPTIMIZER.head_optimizer_params',
  'config.OPTIMIZER.param_schedulers',
  'config.OPTIMIZER.weight_decay',
]

/**
 * What the rules make of a composed tree that need not be valid: values of a wrong type or out of range stay as they
 * are where no rule needs them. The origins of the composition learn of the rules.
 *
 * @throws VisslError (usage) when a rule cannot be applied or gives no finite number, or when what it needs has a wrong
 * type
 */
export function inferTree(composition: Composition): Tree {
  const { tree, origins, checked } = composition
  if (!checked.ok && isUnusable(tree)) throw errorOf(checked.mistakes)
  const inferred = infer(composition)
  for (const [path, origin] of origins) {
    const value = origin.kind === 'rule' ? getAt(inferred, path.split('.')) : undefined
    if (typeof value !== 'number' || Number.isFinite(value)) continue
    const message = `${path}: the ${describeOrigin(origin)} gives ${value}`
    const given = {
      message,
      fix: `see  vissl config explain ${path}  and correct what it is calculated from`,
    }
    throw errorOf(checked.ok ? [given] : checked.mistakes)
  }
  return inferred
}

function infer({ tree, origins, checked }: Composition): Tree {
  try {
    return { ...tree, config: inferConfig(tree.config as unknown as Config, { origins }) as unknown as Tree }
  } catch (error) {
    if (error instanceof VisslError) throw error
    throw errorOf(checked.ok ? [missing(tree, error)] : checked.mistakes)
  }
}

function isUnusable(tree: Tree): boolean {
  const { error } = rootSchema.safeParse(tree)
  return (error?.issues ?? []).some((issue) => {
    const key = issue.path.join('.')
    const isNumber = typeof getAt(tree, issue.path.map(String)) === 'number'
    const isType = key === 'VERSION' || (issue.code === 'invalid_type' && !isNumber)
    return isType && READ_BY_RULES.some((read) => key === read || key.startsWith(`${read}.`))
  })
}

/** A block that rules need can only be missing when an override removed it. */
function missing(tree: Tree, error: unknown): Mistake {
  const blocks = ['LOSS', 'DATA', 'DISTRIBUTED', 'OPTIMIZER', 'MODEL', 'METERS', 'CHECKPOINT']
  const absent = blocks.filter((name) => getAt(tree, ['config', name]) === undefined)
  const names = absent.map((name) => `config.${name}`).join(', ')
  return {
    message:
      absent.length > 0
        ? `${names} was removed, and inference needs it`
        : `inference fails: ${error instanceof Error ? error.message : String(error)}`,
    fix: 'remove the override that begins with ~, or see the configuration before inference with  --raw',
  }
}
