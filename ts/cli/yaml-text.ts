import { isTree, type Tree, type Value } from '../config/tree.ts'

/** Elements of lists that are no longer than this stand on one line. */
const WIDTH = 100

/** Words that YAML 1.1 reads as something else than text. */
const WORDS = /^(?:y|n|yes|no|on|off|true|false|null|nan|inf)$/i

/**
 * A value as YAML that a configuration file can hold and that any reader of YAML 1.1 takes for the same: maps in blocks,
 * lists in brackets where they fit a line.
 */
export function yamlText(value: Value): string {
  if (isTree(value) && Object.keys(value).length > 0) return block(value, '')
  return `${Array.isArray(value) && value.length > 0 ? list(value, '') : inline(value)}\n`.replace(/^\n/, '')
}

function block(map: Tree, indent: string): string {
  return Object.entries(map)
    .map(([key, value]) => `${indent}${scalar(key)}:${below(value, indent)}`)
    .join('')
}

/** What follows a colon. */
function below(value: Value, indent: string): string {
  if (isTree(value) && Object.keys(value).length > 0) return `\n${block(value, `${indent}  `)}`
  if (Array.isArray(value) && value.length > 0) return `${list(value, `${indent}  `)}\n`
  return ` ${inline(value)}\n`
}

/** A list that is not empty: on one line if nothing in it has parts of its own, else a line or a block an element. */
function list(items: readonly Value[], indent: string): string {
  const whole = inline([...items])
  const isFlat = items.every((item) => typeof item !== 'object' || item === null)
  if (isFlat && (whole.length <= WIDTH || indent === '')) return indent === '' ? whole : ` ${whole}`
  const lines = items.map((item) => {
    const line = inline(item)
    if (line.length <= WIDTH || !isTree(item)) return `\n${indent}- ${line}`
    // The first key stands beside the dash.
    return `\n${indent}- ${block(item, `${indent}  `).trimStart().trimEnd()}`
  })
  return lines.join('')
}

function inline(value: Value): string {
  if (Array.isArray(value)) return `[${value.map(inline).join(', ')}]`
  if (!isTree(value)) return scalar(value)
  return `{${Object.entries(value)
    .map(([key, item]) => `${scalar(key)}: ${inline(item)}`)
    .join(', ')}}`
}

function scalar(value: null | boolean | number | string): string {
  if (typeof value === 'number') return number(value)
  if (typeof value !== 'string') return String(value)
  return /^[A-Za-z_/][\w./-]*$/.test(value) && !WORDS.test(value) ? value : JSON.stringify(value)
}

/** Python's reader of YAML takes `1e-8` for text, it wants a point. */
function number(value: number): string {
  if (Number.isNaN(value)) return '.nan'
  if (!Number.isFinite(value)) return value > 0 ? '.inf' : '-.inf'
  return Object.is(value, -0) ? '-0.0' : String(value).replace(/^(-?\d+)e/, '$1.0e')
}
