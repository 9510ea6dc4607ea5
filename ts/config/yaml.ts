import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  type ScalarTag,
  type Tags,
} from 'yaml'
import { ExitCode, VisslError } from '../errors.ts'
import type { Path, Tree, Value } from './tree.ts'

/** A configuration file, read. */
export interface YamlFile {
  /** The path to show in messages. */
  readonly name: string
  readonly text: string
  readonly tree: Tree
  /** Line and column, from 1, of the value at a path. */
  positionOf(path: Path): { line: number; column: number }
}

/** YAML 1.1 as Python's loader reads it: `y` and `n` are text, dates stay text. */
function pythonTags(tags: Tags): Tags {
  const kept = tags.filter((tag) => {
    const name = typeof tag === 'string' ? tag : tag.tag
    return !['timestamp', 'tag:yaml.org,2002:timestamp', 'bool', 'tag:yaml.org,2002:bool'].includes(name)
  })
  const bool: ScalarTag = {
    tag: 'tag:yaml.org,2002:bool',
    default: true,
    identify: (value) => typeof value === 'boolean',
    test: /^(?:yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF)$/,
    resolve: (text) => /^(?:yes|true|on)$/i.test(text),
  }
  return [bool, ...kept]
}

/**
 * Reads a configuration file.
 *
 * @param name the path to show in messages
 * @throws VisslError with line and column for bad YAML, duplicate keys, and a root that is not a map
 */
export function parseYaml(text: string, name: string): YamlFile {
  const lines = new LineCounter()
  const document = parseDocument(text, {
    version: '1.1',
    customTags: pythonTags,
    lineCounter: lines,
    prettyErrors: false,
    uniqueKeys: true,
  })
  const error = document.errors[0]
  if (error !== undefined) {
    const { line, col } = lines.linePos(error.pos[0])
    throw new VisslError(
      ExitCode.usage,
      `${name}:${line}:${col}  ${error.message}\n${showLine(text, line, col)}`,
      'correct the file',
    )
  }
  const root = document.contents
  if (root !== null && !isMap(root)) {
    throw new VisslError(
      ExitCode.usage,
      `${name}: a configuration file holds a map, this one holds ${kindOf(root)}`,
    )
  }
  const positions = new Map<string, number>()
  if (root !== null) collect(root, [], positions)
  const tree = root === null ? {} : (plain(document.toJS({ maxAliasCount: 1000 }), name) as Tree)
  return {
    name,
    text,
    tree,
    positionOf(path) {
      for (let length = path.length; length > 0; length--) {
        const offset = positions.get(path.slice(0, length).join('\0'))
        if (offset === undefined) continue
        const { line, col } = lines.linePos(offset)
        return { line, column: col }
      }
      return { line: 1, column: 1 }
    },
  }
}

function collect(node: Node, path: Path, positions: Map<string, number>): void {
  if (isMap(node)) {
    for (const { key, value } of node.items) {
      const name = isScalar(key) ? String(key.value) : String(key)
      const below = [...path, name]
      const at = (value as Node | null)?.range?.[0] ?? (key as Node).range?.[0]
      const isBlock = isMap(value) || isSeq(value)
      positions.set(below.join('\0'), (isBlock ? (key as Node).range?.[0] : at) ?? 0)
      if (value !== null && typeof value === 'object') collect(value as Node, below, positions)
    }
  } else if (isSeq(node)) {
    for (const [i, item] of node.items.entries()) {
      const below = [...path, String(i)]
      positions.set(below.join('\0'), (item as Node).range?.[0] ?? 0)
      collect(item as Node, below, positions)
    }
  }
}

function kindOf(node: Node): string {
  if (isSeq(node)) return 'a list'
  return isAlias(node) ? 'an alias' : 'a single value'
}

/** Keys become strings; what YAML can hold beside maps, lists and scalars is refused. */
function plain(value: unknown, name: string): Value {
  if (value === null || value === undefined) return null
  if (typeof value === 'bigint') return Number(value)
  if (typeof value === 'boolean' || typeof value === 'number' || typeof value === 'string') return value
  if (Array.isArray(value)) return value.map((item) => plain(item, name))
  if (value instanceof Map || Object.getPrototypeOf(value) === Object.prototype) {
    const entries = value instanceof Map ? [...value] : Object.entries(value as object)
    return Object.fromEntries(entries.map(([key, item]) => [String(key), plain(item, name)]))
  }
  throw new VisslError(ExitCode.usage, `${name} holds a value that is no map, list, text, number or boolean`)
}

/** A line of a file with a mark under a column. */
export function showLine(text: string, line: number, column: number): string {
  const content = text.split('\n')[line - 1]?.replace(/\r$/, '') ?? ''
  const margin = `    ${line} │ `
  return `${margin}${content}\n${' '.repeat(margin.length + column - 1)}^`
}
