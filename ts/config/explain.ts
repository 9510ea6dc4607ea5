import type { Composition } from './compose.ts'
import { describeKey, describeKeys, type KeyDescription } from './describe.ts'
import type { Extensions } from './listed.ts'
import { historyOf, type Step } from './origins.ts'
import { getAt, isTree, type Path, type Value } from './tree.ts'

/** Everything there is to say about a key. */
export interface Explanation {
  readonly key: KeyDescription
  /** Values that the key has had, oldest first; the last one is in force. Empty without a composition, and for blocks. */
  readonly history: readonly Step[]
  /** Keys one level below, listed or not, with the values in force where there is a composition. */
  readonly children: readonly Child[]
}

/** One key of a block. */
export interface Child {
  readonly name: string
  readonly description: string
  readonly type: string
  readonly isBlock: boolean
  readonly value: Value | undefined
}

/**
 * Explains a key: what the schema says, and how a configuration came to its value.
 *
 * @param path a place that the schema or the composed tree knows
 * @param composition where values come from; without it, defaults are shown
 */
export function explainKey(path: Path, extensions: Extensions = {}, composition?: Composition): Explanation {
  const inForce = composition === undefined ? undefined : getAt(composition.tree, path)
  const key = describeKey(path, extensions) ?? unlisted(path, inForce)
  const value = composition === undefined ? key.default : inForce
  const isBlock = key.kind !== 'value' || isTree(value)
  const history = composition === undefined || isBlock ? [] : historyOf(composition.origins, path.join('.'))
  return { key, history, children: isBlock ? childrenOf(path, value, extensions) : [] }
}

function childrenOf(path: Path, value: Value | undefined, extensions: Extensions): Child[] {
  const listed = describeKeys(path, extensions).filter((key) => isChild(path, key.path))
  const names = listed.map((key) => key.path.slice(key.path.lastIndexOf('.') + 1))
  const others = isTree(value) ? Object.keys(value).filter((name) => !names.includes(name)) : []
  return [...names, ...others].map((name, i) => {
    const key = listed[i] ?? unlisted([...path, name], undefined)
    const below = value === undefined ? undefined : getAt(value, [name])
    const isBlock = key.kind !== 'value' || isTree(below)
    return { name, description: key.description, type: key.type, isBlock, value: below }
  })
}

function isChild(parent: Path, path: string): boolean {
  const prefix = parent.map((part) => `${part}.`).join('')
  return path.startsWith(prefix) && !path.slice(prefix.length).includes('.')
}

function unlisted(path: Path, value: Value | undefined): KeyDescription {
  return {
    path: path.join('.'),
    kind: isTree(value) ? 'map' : 'value',
    type: 'anything',
    choices: [],
    default: undefined,
    description: 'not a key of vissl; passed on as it is',
    isOpen: true,
  }
}
