import { describeOrigin, type Origin, originOf, type Value } from '../config/index.ts'
import { toJson } from '../config/json-value.ts'
import { isTree } from '../config/tree.ts'
import type { Style } from '../logging/style.ts'

/** A part of a configuration, one value a line with its origin. */
export function asLines(
  part: Value,
  path: readonly string[],
  origins: ReadonlyMap<string, Origin>,
  style: Style,
): string {
  const lines: string[] = []
  const walk = (value: Value, at: readonly string[]): void => {
    if (isTree(value) && Object.keys(value).length > 0) {
      for (const [key, child] of Object.entries(value)) walk(child, [...at, key])
      return
    }
    const key = at.join('.')
    lines.push(`${key}: ${toJson(value)}  ${style.dim(`# ${describeOrigin(originOf(origins, key))}`)}\n`)
  }
  walk(part, path)
  return lines.join('')
}
