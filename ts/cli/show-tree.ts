import { Document, isScalar, visit } from 'yaml'
import { describeOrigin, type Origin, originOf, type Value } from '../config/index.ts'
import { toJson } from '../config/json-value.ts'
import type { Style } from '../logging/style.ts'

/** A part of a configuration as YAML that a configuration file can hold; lists of plain values take one line. */
export function asYaml(part: Value): string {
  const document = new Document(part, { version: '1.1', aliasDuplicateObjects: false })
  visit(document, {
    Seq(_, list) {
      if (list.items.every((item) => isScalar(item))) list.flow = true
    },
  })
  return document.toString({ lineWidth: 110, directives: false, flowCollectionPadding: false })
}

/** A part of a configuration, one value a line with its origin. */
export function asLines(
  part: Value,
  path: readonly string[],
  origins: ReadonlyMap<string, Origin>,
  style: Style,
): string {
  const lines: string[] = []
  const walk = (value: Value, at: readonly string[]): void => {
    if (
      typeof value === 'object' &&
      value !== null &&
      !Array.isArray(value) &&
      Object.keys(value).length > 0
    ) {
      for (const [key, child] of Object.entries(value)) walk(child, [...at, key])
      return
    }
    const key = at.join('.')
    lines.push(`${key}: ${toJson(value)}  ${style.dim(`# ${describeOrigin(originOf(origins, key))}`)}\n`)
  }
  walk(part, path)
  return lines.join('')
}
