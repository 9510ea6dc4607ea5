import { ExitCode, VisslError } from '../errors.ts'
import type { Composition } from './compose.ts'
import { infer } from './infer.ts'
import { errorOf } from './mistake.ts'
import { describeOrigin, originOf } from './origins.ts'
import { getAt, isTree, type Tree } from './tree.ts'

/**
 * What the rules make of a composed tree that need not be valid: values of a wrong type or out of range stay as they
 * are where no rule needs them. The origins of the composition learn of the rules.
 *
 * @throws VisslError (usage) when a rule cannot be applied or gives no finite number, or when what it needs has a wrong
 * type
 */
export function inferTree({ tree, origins }: Composition): Tree {
  checkVersion(tree)
  const config = tree.config
  if (!isTree(config)) {
    throw new VisslError(
      ExitCode.usage,
      `${describeOrigin(originOf(origins, 'config'))}  config is no map`,
      'give the keys of a run below  config:',
    )
  }
  const inferred = { ...tree, config: infer(config, origins) }
  const broken = [...origins].flatMap(([path, origin]) => {
    const value = origin.kind === 'rule' ? getAt(inferred, path.split('.')) : undefined
    if (typeof value !== 'number' || Number.isFinite(value)) return []
    const fix = `see  vissl config explain ${path}  and correct what it is calculated from`
    return [{ message: `${path}: the ${describeOrigin(origin)} gives ${value}`, fix }]
  })
  if (broken.length > 0) throw errorOf(broken)
  return inferred
}

/** @throws VisslError unless the configuration is of version 1, the only one there is */
function checkVersion({ VERSION: version }: Tree): void {
  if (version === 1) return
  const isNewer = typeof version === 'number' && version > 1
  throw new VisslError(
    ExitCode.usage,
    `VERSION is ${JSON.stringify(version)}, allowed: 1`,
    isNewer
      ? 'this configuration is for a later version of vissl: update vissl'
      : 'rename its keys to those of version 1, and set  VERSION: 1',
  )
}
