import { stringify } from 'yaml'
import {
  allKeys,
  describeOrigin,
  getAt,
  type Origin,
  originOf,
  type Tree,
  type Value,
} from '../config/index.ts'
import { didYouMean, ExitCode, VisslError } from '../errors.ts'
import type { Style } from '../logging/style.ts'

export { composeTree, getAt } from '../config/index.ts'

/**
 * Path of a key that is given with or without `config.` in front.
 *
 * @throws VisslError (usage) when there is none
 */
export function pathOf(tree: Tree, key: string): string[] {
  for (const full of [key, `config.${key}`]) {
    if (getAt(tree, full.split('.')) !== undefined) return full.split('.')
  }
  const near = didYouMean(key.startsWith('config.') ? key : `config.${key}`, allKeys())
  throw new VisslError(
    ExitCode.usage,
    `there is no key ${key}`,
    near.length > 0
      ? `did you mean  ${near.join('  or  ')} ?`
      : '`vissl config show config=NAME` prints all keys',
  )
}

/** A part of a configuration as YAML, or one value a line with its origin. */
export function showTree(
  part: Value,
  path: readonly string[],
  origins: ReadonlyMap<string, Origin> | undefined,
  style: Style,
): string {
  if (origins === undefined) return stringify(part, { version: '1.1', lineWidth: 110 })
  const lines: string[] = []
  const visit = (value: Value, at: readonly string[]): void => {
    if (
      typeof value === 'object' &&
      value !== null &&
      !Array.isArray(value) &&
      Object.keys(value).length > 0
    ) {
      for (const [key, child] of Object.entries(value)) visit(child, [...at, key])
      return
    }
    const key = at.join('.')
    lines.push(
      `${key}: ${JSON.stringify(value)}  ${style.dim(`# ${describeOrigin(originOf(origins, key))}`)}\n`,
    )
  }
  visit(part, path)
  return lines.join('')
}
