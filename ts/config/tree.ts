/** A value of a configuration before it is checked. */
export type Value = null | boolean | number | string | Value[] | Tree

/** A map of a configuration before it is checked. */
export interface Tree {
  [key: string]: Value
}

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
export function define(tree: Tree, key: string, value: Value): void {
  if (key === '__proto__') {
    Object.defineProperty(tree, key, { value, writable: true, enumerable: true, configurable: true })
  } else tree[key] = value
}

/** Removes a key of a map, or an element of a list. */
export function deleteAt(tree: Tree, path: Path): void {
  const container = getAt(tree, path.slice(0, -1))
  const key = path.at(-1)!
  if (Array.isArray(container)) container.splice(Number(key), 1)
  else if (isTree(container)) delete container[key]
}

/** A copy that shares nothing with the original. */
export function copy(value: Value): Value {
  if (Array.isArray(value)) return value.map(copy)
  if (!isTree(value)) return value
  const result: Tree = {}
  for (const key of Object.keys(value)) define(result, key, copy(value[key]!))
  return result
}

/** Whether two values are the same, `NaN` like itself; the order of keys does not matter. */
export function isSame(a: Value | undefined, b: Value | undefined): boolean {
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((item, i) => isSame(item, b[i]))
  }
  if (isTree(a) && isTree(b)) {
    const keys = Object.keys(a)
    return (
      keys.length === Object.keys(b).length &&
      keys.every((key) => Object.hasOwn(b, key) && isSame(a[key], b[key]))
    )
  }
  return Object.is(a, b) || (a === 0 && b === 0)
}

/** Map into map recursively; anything else, lists too, is replaced by the later value. `into` is changed. */
export function mergeInto(into: Tree, from: Tree): void {
  for (const [key, value] of Object.entries(from)) {
    const existing = getAt(into, [key])
    if (isTree(existing) && isTree(value)) mergeInto(existing, value)
    else define(into, key, copy(value))
  }
}

/** Puts a value at a path by the rules of {@link mergeInto}. */
export function mergeAt(tree: Tree, path: Path, value: Value): void {
  const existing = getAt(tree, path)
  if (isTree(existing) && isTree(value)) mergeInto(existing, value)
  else setAt(tree, path, copy(value))
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
