/** A value of a configuration before it is checked. */
export type Value = null | boolean | number | string | Value[] | Tree

/** A map of a configuration before it is checked. */
export interface Tree {
  [key: string]: Value
}

/** Where a value came from. Lines and columns count from 1. */
export type Origin =
  | { readonly kind: 'default' }
  | { readonly kind: 'file'; readonly file: string; readonly line: number; readonly column: number }
  | { readonly kind: 'override'; readonly text: string }
  | { readonly kind: 'rule'; readonly rule: string }

/** Origins by path, keys joined by dots: `config.OPTIMIZER.num_epochs`. What is not in it is a default. */
export type Origins = Map<string, Origin>

export type Path = readonly string[]

export function isTree(value: Value | undefined): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The value at a path; list elements by index. `undefined` where there is none. */
export function getAt(tree: Value, path: Path): Value | undefined {
  let current: Value | undefined = tree
  for (const key of path) {
    if (isTree(current)) current = Object.hasOwn(current, key) ? current[key] : undefined
    else if (Array.isArray(current)) current = /^\d+$/.test(key) ? current[Number(key)] : undefined
    else return undefined
  }
  return current
}

/** Puts a value at a path, making maps on the way where nothing is; list elements by index. */
export function setAt(tree: Tree, path: Path, value: Value): void {
  let current: Tree | Value[] = tree
  for (const key of path.slice(0, -1)) {
    let next = getAt(current, [key])
    if (!isTree(next) && !Array.isArray(next)) {
      next = {}
      assign(current, key, next)
    }
    current = next
  }
  assign(current, path.at(-1)!, value)
}

function assign(container: Tree | Value[], key: string, value: Value): void {
  if (Array.isArray(container)) container[Number(key)] = value
  else define(container, key, value)
}

/** Like assignment, but `__proto__` is a key like any other. */
function define(tree: Tree, key: string, value: Value): void {
  Object.defineProperty(tree, key, { value, writable: true, enumerable: true, configurable: true })
}

/** Removes a key of a map, or an element of a list. */
export function deleteAt(tree: Tree, path: Path): void {
  const container = getAt(tree, path.slice(0, -1))
  const key = path.at(-1)!
  if (Array.isArray(container)) container.splice(Number(key), 1)
  else if (isTree(container)) delete container[key]
}

/** Map into map recursively; anything else, lists too, is replaced by the later value. `into` is changed. */
export function mergeInto(into: Tree, from: Tree): void {
  for (const [key, value] of Object.entries(from)) {
    const existing = getAt(into, [key])
    if (isTree(existing) && isTree(value)) mergeInto(existing, value)
    else define(into, key, structuredClone(value))
  }
}

/** Calls `visit` for every value that is not a non-empty map, lists and their elements included. */
export function visitLeaves(value: Value, visit: (path: Path, value: Value) => void, path: Path = []): void {
  if (isTree(value) && (path.length === 0 || Object.keys(value).length > 0)) {
    for (const [key, child] of Object.entries(value)) visitLeaves(child, visit, [...path, key])
    return
  }
  visit(path, value)
  if (Array.isArray(value))
    for (const [i, child] of value.entries()) visitLeaves(child, visit, [...path, String(i)])
}

/** Records where everything under a path came from, in place of what was known. */
export function setOrigin(origins: Origins, path: Path, value: Value, origin: (path: Path) => Origin): void {
  visitLeaves(value, (below) => {
    const full = [...path, ...below]
    if (below.length === 0 || !/^\d+$/.test(below.at(-1)!)) forget(origins, full)
    origins.set(full.join('.'), origin(full))
  })
}

/** Drops what is known of a path and of everything below it. */
export function forget(origins: Origins, path: Path): void {
  const key = path.join('.')
  const prefix = `${key}.`
  for (const known of [...origins.keys()])
    if (known === key || known.startsWith(prefix)) origins.delete(known)
}

/** Where the value at a path came from: its own origin, that of the list or map it was given in, or the default. */
export function originOf(origins: ReadonlyMap<string, Origin>, path: string): Origin {
  for (let key = path; key !== ''; key = key.slice(0, Math.max(0, key.lastIndexOf('.')))) {
    const origin = origins.get(key)
    if (origin !== undefined) return origin
  }
  return { kind: 'default' }
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
