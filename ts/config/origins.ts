import {
  copy,
  deleteAt,
  getAt,
  isSame,
  isTree,
  mergeAt,
  mergeInto,
  type Path,
  type Tree,
  type Value,
  visitLeaves,
} from './tree.ts'

/** Where a value came from. Lines and columns count from 1. */
export type Origin =
  | { readonly kind: 'default' }
  | { readonly kind: 'file'; readonly file: string; readonly line: number; readonly column: number }
  | { readonly kind: 'override'; readonly text: string }
  | { readonly kind: 'rule'; readonly rule: string }

/** Something that was written into the tree: a whole file, one override, what one rule decides. */
interface Change {
  readonly path: Path
  /** Merged at the path; `undefined`: the path was removed. */
  readonly value: Value | undefined
  readonly origin: (path: Path) => Origin
}

/** A value that a key has had, and where it came from; `undefined`: the key was removed. */
export interface Step {
  readonly origin: Origin
  readonly value: Value | undefined
}

/**
 * Origins by path, keys joined by dots: `config.OPTIMIZER.num_epochs`. What is not in it is a default. All changes are
 * kept in order, so that {@link historyOf} can tell what a value replaced.
 */
export class Origins extends Map<string, Origin> {
  readonly changes: Change[] = []
  /** The tree before the first change. */
  readonly defaults: Tree

  constructor(defaults: Tree = {}) {
    super()
    this.defaults = copy(defaults) as Tree
  }

  /** Records that a value was merged at a path. */
  merged(path: Path, value: Value, origin: (path: Path) => Origin): void {
    this.changes.push({ path, value: copy(value), origin })
    const leaves: Path[] = []
    visitLeaves(value, (below) => leaves.push([...path, ...below]))
    this.#forgetBelow(leaves)
    for (const leaf of leaves) this.#forgetAbove(path, leaf)
    for (const leaf of leaves) this.set(leaf.join('.'), origin(leaf))
  }

  /** Records that a path was removed. */
  removed(path: Path, origin: Origin): void {
    this.changes.push({ path, value: undefined, origin: () => origin })
    this.#forgetBelow([path])
  }

  /** What was a value is a map now. */
  #forgetAbove(path: Path, leaf: Path): void {
    for (let length = path.length; length < leaf.length; length++)
      this.delete(leaf.slice(0, length).join('.'))
  }

  #forgetBelow(paths: readonly Path[]): void {
    const replaced = new Set(paths.map((path) => path.join('.')))
    for (const known of [...this.keys()]) {
      for (let end = known.length; end > 0; end = known.lastIndexOf('.', end - 1)) {
        if (!replaced.has(known.slice(0, end))) continue
        this.delete(known)
        break
      }
    }
  }
}

/** Where the value at a path came from: its own origin, that of the list or map it was given in, or the default. */
export function originOf(origins: ReadonlyMap<string, Origin>, path: string): Origin {
  for (let key = path; key !== ''; key = key.slice(0, Math.max(0, key.lastIndexOf('.')))) {
    const origin = origins.get(key)
    if (origin !== undefined) return origin
  }
  return { kind: 'default' }
}

/**
 * All values that a key has had, oldest first: its default where it has one, then what each file, override and rule
 * made of it, whether that differs from the value before or not. The last one holds.
 *
 * @param key keys joined by dots: `config.OPTIMIZER.num_epochs`; a block's history has a step for each change inside it
 */
export function historyOf(origins: Origins, key: string): Step[] {
  const path = key.split('.')
  const tree = copy(origins.defaults) as Tree
  let value = getAt(tree, path)
  const steps: Step[] = value === undefined ? [] : [{ origin: { kind: 'default' }, value: copy(value) }]
  for (const change of origins.changes) {
    apply(tree, change)
    const now = getAt(tree, path)
    if (gives(change, path) || !isSame(now, value)) {
      steps.push({ origin: change.origin(path), value: now === undefined ? undefined : copy(now) })
    }
    value = now === undefined ? undefined : copy(now)
  }
  return steps
}

function apply(tree: Tree, { path, value }: Change): void {
  if (value === undefined) deleteAt(tree, path)
  else if (path.length === 0) mergeInto(tree, isTree(value) ? value : {})
  else mergeAt(tree, path, value)
}

/** Whether a change says something about the path itself. */
function gives(change: Change, path: Path): boolean {
  const isAbove = change.path.every((part, i) => part === path[i])
  if (!isAbove || change.value === undefined) return false
  return getAt(change.value, path.slice(change.path.length)) !== undefined
}

/** Short text of an origin: `configs/a.yaml:3:5`, `command line: config.A=1`, `default`. */
export function describeOrigin(origin: Origin): string {
  switch (origin.kind) {
    case 'default':
      return 'default'
    case 'file':
      return `${origin.file}:${origin.line}:${origin.column}`
    case 'override':
      return `command line: ${origin.text}`
    case 'rule':
      return `rule "${origin.rule}"`
  }
}

/** Where the value of a key is from; an override that begins with the key, which is named anyway, is not repeated. */
export function placeOf(origin: Origin, key: string): string {
  return origin.kind === 'override' && origin.text.replace(/^\+*/, '').startsWith(`${key}=`)
    ? 'command line'
    : describeOrigin(origin)
}
