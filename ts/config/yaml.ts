import {
  Composer,
  type CST,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  type Node,
  type Pair,
  Parser,
  type ScalarTag,
  type Tags,
  type YAMLMap,
} from 'yaml'
import { ExitCode, VisslError } from '../errors.ts'
import { define, isTree, type Path, type Tree, type Value } from './tree.ts'

/** A configuration file, read. */
export interface YamlFile {
  /** The path to show in messages. */
  readonly name: string
  readonly text: string
  readonly tree: Tree
  /** Line and column, from 1, of the value at a path. */
  positionOf(path: Path): { line: number; column: number }
}

/** Values in a file, those that aliases repeat included. */
const MAX_VALUES = 100_000
/** Lists and maps may stand in one another this deep. */
const MAX_DEPTH = 100
const TOO_DEEP = `lists and maps nest deeper than ${MAX_DEPTH}`

/** Ends reading with an error at a place of the text. */
type Fail = (message: string, offset: number, fix?: string) => never

const BOOL = /^(?:yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF)$/
const INT = /^[-+]?(?:0b[01_]+|0[0-7_]+|0|[1-9][0-9_]*|0x[0-9a-fA-F_]+|[1-9][0-9_]*(?::[0-5]?[0-9])+)$/
const FLOAT =
  /^(?:[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+]?[0-9]+)?|[-+]?[0-9][0-9_]*[eE][-+]?[0-9]+|\.[0-9_]+(?:[eE][-+][0-9]+)?|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$/

/** YAML 1.1 as OmegaConf's loader reads it: `y`, `n`, `e5` and dates are text, `010` is octal, `1:30` counts in sixties. */
function pythonTags(tags: Tags): Tags {
  const ours = ['bool', 'int', 'float', 'timestamp'].map((name) => `tag:yaml.org,2002:${name}`)
  const kept = tags.filter((tag) => typeof tag === 'string' || !ours.includes(tag.tag))
  const scalar = (name: string, test: RegExp, resolve: (text: string) => unknown): ScalarTag => ({
    tag: `tag:yaml.org,2002:${name}`,
    default: true,
    test,
    resolve,
  })
  return [
    scalar('bool', BOOL, (text) => /^(?:yes|true|on)$/i.test(text)),
    scalar('int', INT, wholeNumber),
    scalar('float', FLOAT, decimal),
    ...kept,
  ]
}

function wholeNumber(text: string): number {
  const [, sign, digits = ''] = /^([-+]?)(.*)$/.exec(text.replaceAll('_', ''))!
  const size = /^0[0-7]/.test(digits) ? Number(`0o${digits.slice(1)}`) : sixties(digits)
  return sign === '-' ? -size : size
}

function decimal(text: string): number {
  const [, sign, digits = ''] = /^([-+]?)(.*)$/.exec(text.replaceAll('_', ''))!
  if (/nan/i.test(digits)) return Number.NaN
  const size = /inf/i.test(digits) ? Number.POSITIVE_INFINITY : sixties(digits)
  return sign === '-' ? -size : size
}

/** A number whose parts between colons count sixty times the next. */
function sixties(text: string): number {
  return text.split(':').reduce((sum, part) => 60 * sum + Number(part), 0)
}

/**
 * Reads a configuration file.
 *
 * @param name the path to show in messages
 * @throws VisslError with line and column for bad YAML, duplicate keys, values that are no map, list, text, number or
 * boolean, aliases that repeat too much, and a root that is not a map
 */
export function parseYaml(text: string, name: string): YamlFile {
  const lines = new LineCounter()
  const fail: Fail = (message, offset, fix = 'correct the file') => {
    const { line, col } = lines.linePos(offset)
    throw new VisslError(
      ExitCode.usage,
      `${name}:${line}:${col}  ${message}\n${showLine(text, line, col)}`,
      fix,
    )
  }
  const document = parsed(text, lines, fail)
  const error = document.errors[0] ?? document.warnings[0]
  if (error !== undefined) fail(explained(error.message, text, error.pos[0]), error.pos[0])
  const root = document.contents
  const offsets = new Map<string, number>()
  let tree: Tree = {}
  if (root !== null) {
    const value = new Reader(document, offsets, fail).value(root, [])
    if (isTree(value)) tree = value
    else if (value !== null) {
      throw new VisslError(
        ExitCode.usage,
        `${name}: a configuration file holds a map, this one holds ${Array.isArray(value) ? 'a list' : 'a single value'}`,
        'give the keys of a run below  config:',
      )
    }
  }
  return {
    name,
    text,
    tree,
    positionOf(path) {
      for (let length = path.length; length > 0; length--) {
        const offset = offsets.get(path.slice(0, length).join('\0'))
        if (offset === undefined) continue
        const { line, col } = lines.linePos(offset)
        return { line, column: col }
      }
      return { line: 1, column: 1 }
    },
  }
}

/**
 * The document, parsed. What nests too deeply is refused before it is composed, which is recursive: the regular
 * expressions in there end the process when they are compiled on a stack that is nearly full.
 */
function parsed(text: string, lines: LineCounter, fail: Fail): Document.Parsed {
  const parser = new Parser(lines.addNewLine)
  lines.addNewLine(0)
  const tokens: CST.Token[] = []
  for (const lexeme of new Lexer().lex(text)) {
    tokens.push(...parser.next(lexeme))
    // Blocks and what they are keys of count twice.
    if (parser.stack.length > 2 * MAX_DEPTH) fail(TOO_DEEP, parser.offset)
  }
  tokens.push(...parser.end())
  const composer = new Composer({
    version: '1.1',
    customTags: pythonTags,
    prettyErrors: false,
    uniqueKeys: true,
  })
  const [document, another] = composer.compose(tokens, true, text.length) as Iterable<Document.Parsed>
  if (another !== undefined)
    fail('a second document begins; a configuration file holds one', another.range[0])
  return document!
}

/** What the parser says, in plainer words where it can be. */
function explained(message: string, text: string, offset: number): string {
  const line = text.slice(text.lastIndexOf('\n', offset - 1) + 1, offset + 1)
  if (/^\s*\t/.test(line)) return 'a tab in the indentation; YAML is indented with spaces'
  if (message === 'Map keys must be unique') return 'the key is given twice'
  if (message.startsWith('Missing closing'))
    return `a closing ${message.includes("'") ? "'" : '"'} is missing`
  if (message.startsWith('Flow ')) {
    return `a ${/end with an? (.)/.exec(message)?.[1] ?? 'bracket'} is missing, or lines within brackets are not indented`
  }
  return message
}

class Reader {
  readonly #document: Document.Parsed
  readonly #offsets: Map<string, number>
  readonly #fail: Fail
  /** Anchors that are being read, to notice one that holds itself. */
  readonly #open = new Set<Node>()
  #count = 0

  constructor(document: Document.Parsed, offsets: Map<string, number>, fail: Fail) {
    this.#document = document
    this.#offsets = offsets
    this.#fail = fail
  }

  value(node: Node | null, path: Path): Value {
    if (node === null) return null
    const at = node.range?.[0] ?? 0
    if (++this.#count > MAX_VALUES)
      this.#fail(`more than ${MAX_VALUES} values, aliases written out`, at, 'use fewer aliases')
    if (path.length > MAX_DEPTH) this.#fail(TOO_DEEP, at)
    if (isAlias(node)) {
      const target = node.resolve(this.#document)
      if (target === undefined) return this.#fail(`there is no anchor ${node.source}`, at)
      if (this.#open.has(target)) return this.#fail(`the anchor ${node.source} holds itself`, at)
      return this.#inside(target, path)
    }
    if (isScalar(node)) return this.#scalar(node.value, at)
    return this.#inside(node, path)
  }

  #inside(node: Node, path: Path): Value {
    if (isScalar(node)) return this.#scalar(node.value, node.range?.[0] ?? 0)
    const { tag } = node as { tag?: string }
    if (tag !== undefined && !/:(?:map|seq)$/.test(tag))
      this.#fail(`${tag.replace('tag:yaml.org,2002:', '!!')} is no map or list`, node.range?.[0] ?? 0)
    this.#open.add(node)
    try {
      if (isSeq(node)) {
        return (node.items as (Node | null)[]).map((item, i) => {
          const below = [...path, String(i)]
          this.#offsets.set(below.join('\0'), item?.range?.[0] ?? 0)
          return this.value(item, below)
        })
      }
      if (isMap(node)) return this.#map(node as YAMLMap<Node, Node | null>, path)
      return this.#fail('this is no map, list, text, number or boolean', node.range?.[0] ?? 0)
    } finally {
      this.#open.delete(node)
    }
  }

  #map(node: YAMLMap<Node, Node | null>, path: Path): Tree {
    const tree: Tree = {}
    const merges = node.items.filter(isMerge)
    for (const { value } of merges) this.#mergeKeys(tree, value, path)
    for (const pair of node.items) {
      if (isMerge(pair)) continue
      const { key, value } = pair
      if (!isScalar(key)) this.#fail('a key is a single value', (key as Node | null)?.range?.[0] ?? 0)
      const name = isScalar(key) ? (key.source ?? String(key.value)) : ''
      const below = [...path, name]
      const isBlock = isMap(value) || isSeq(value)
      const at = isBlock ? key.range?.[0] : (value?.range?.[0] ?? key.range?.[0])
      this.#offsets.set(below.join('\0'), at ?? 0)
      define(tree, name, this.value(value, below))
    }
    return tree
  }

  /** `<<: *anchor` or `<<: [*a, *b]`: keys that the map's own ones and earlier ones go before. */
  #mergeKeys(tree: Tree, value: Node | null, path: Path): void {
    const sources = isSeq(value) ? (value.items as Node[]) : [value]
    for (const source of sources) {
      const merged = this.value(source, path)
      if (!isTree(merged)) this.#fail('<< takes a map, or a list of maps', value?.range?.[0] ?? 0)
      for (const [key, item] of Object.entries(merged as Tree)) {
        if (!Object.hasOwn(tree, key)) define(tree, key, item)
      }
    }
  }

  #scalar(value: unknown, at: number): Value {
    if (value === null || value === undefined) return null
    if (typeof value === 'bigint') return Number(value)
    if (typeof value === 'boolean' || typeof value === 'number' || typeof value === 'string') return value
    return this.#fail('this is no map, list, text, number or boolean', at)
  }
}

function isMerge({ key }: Pair<Node, Node | null>): boolean {
  return isScalar(key) && key.source === '<<' && key.type === 'PLAIN'
}

/** A line of a file with a mark under a column, cut to what fits a screen. */
export function showLine(text: string, line: number, column: number): string {
  const whole = text.split('\n')[line - 1]?.replace(/\r$/, '').replaceAll('\t', ' ') ?? ''
  const from = column > 100 ? column - 60 : 0
  const content = whole.slice(from, from + 110)
  const margin = `    ${line} │ `
  return `${margin}${content}\n${' '.repeat(margin.length + column - 1 - from)}^`
}
