import { defaultTree, type Extensions, isOpenAt, keysAt, outlineAt } from './listed.ts'
import { choicesOf, describeOutline } from './outline.ts'
import { getAt, type Path, type Tree, type Value } from './tree.ts'

/** What the schema says of one key. */
export interface KeyDescription {
  /** From the root: `config.OPTIMIZER.num_epochs`. */
  readonly path: string
  /** `block` has listed keys below it, `map` has free ones, `value` is everything else, lists too. */
  readonly kind: 'block' | 'map' | 'value'
  /** What may stand there, in words: `a whole number of at least 1`. */
  readonly type: string
  /** The allowed values where they are a closed set. */
  readonly choices: readonly string[]
  /** What stands there when nobody sets it; `undefined` where the key is then absent. */
  readonly default: Value | undefined
  /** One sentence or less. */
  readonly description: string
  /** Whether keys that are not listed may stand below. */
  readonly isOpen: boolean
}

/**
 * Describes one place of a configuration, elements of lists included.
 *
 * @returns `undefined` where the schema knows no such place
 */
export function describeKey(path: Path, extensions: Extensions = {}): KeyDescription | undefined {
  return describe(path, extensions, defaultTree(extensions))
}

/** Describes every listed key below a path, parents before their children, in the order of the schema. */
export function describeKeys(path: Path = [], extensions: Extensions = {}): KeyDescription[] {
  const defaults = defaultTree(extensions)
  const below = (parent: Path): KeyDescription[] =>
    keysAt(parent, extensions).flatMap((key) => {
      const full = [...parent, key]
      const described = describe(full, extensions, defaults)
      return described === undefined ? [] : [described, ...below(full)]
    })
  return below(path)
}

function describe(path: Path, extensions: Extensions, defaults: Tree): KeyDescription | undefined {
  const outline = outlineAt(path, extensions)
  if (outline === undefined) return undefined
  const kind = outline.kind === 'map' ? 'block' : outline.kind === 'record' ? 'map' : 'value'
  return {
    path: path.join('.'),
    kind,
    type: describeOutline(outline),
    choices: choicesOf(outline),
    default: getAt(defaults, path),
    description: outline.description ?? '',
    isOpen: kind === 'map' || (kind === 'block' && isOpenAt(path, extensions)),
  }
}
