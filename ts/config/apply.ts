import { isAddedLater } from './later.ts'
import { type Extensions, outlineAt } from './listed.ts'
import type { Mistake } from './mistake.ts'
import type { Origins } from './origins.ts'
import type { Override } from './override.ts'
import { movedPath, relocatedPath } from './relocate.ts'
import { deleteAt, getAt, isSame, isTree, mergeAt, type Path, type Tree, type Value } from './tree.ts'
import { nearKeys } from './unknown.ts'

/**
 * Applies a value override to the tree, by the reference's rules: without `+` a key must exist, with it must not; maps
 * are merged, lists replaced. Gives the mistake in it instead where there is one.
 */
export function applyOverride(
  tree: Tree,
  origins: Origins,
  override: Override,
  extensions: Extensions = {},
): Mistake | undefined {
  const path = relocatedPath(override.path)
  const { mode, value } = override
  if (mode === 'delete') return remove(tree, origins, { ...override, path }, extensions)
  const mistake =
    value === undefined
      ? { message: `${override.text}: the value is missing`, fix: `write  ${override.key}=VALUE` }
      : (blockedAt(tree, path, mode === 'set') ??
        (mode === 'set' ? notThere(tree, origins, path, value, override, extensions) : undefined) ??
        (mode === 'add' && !isAddedLater(path) ? there(tree, path, value, override) : undefined) ??
        otherKind(getAt(tree, path), value, override))
  if (mistake !== undefined || value === undefined) return mistake
  for (const place of places(tree, path)) {
    mergeAt(tree, place, value)
    origins.merged(place, value, () => ({ kind: 'override', text: override.text }))
  }
  return undefined
}

/** The path, and that of VISSL 0.1.6 where a file gave the value there. */
function places(tree: Tree, path: Path): Path[] {
  const moved = movedPath(path)
  return moved !== path && getAt(tree, moved) !== undefined ? [path, moved] : [path]
}

function remove(
  tree: Tree,
  origins: Origins,
  { text, key, path, value }: Override,
  extensions: Extensions,
): Mistake | undefined {
  const existing = getAt(tree, path)
  if (existing === undefined) {
    const near = nearKeys(tree, path, extensions)
    return { message: `${key} does not exist`, fix: meant(near) || '`vissl config show` prints all keys' }
  }
  if (existing === null) {
    return { message: `${text}: ${key} is null, there is nothing to remove`, fix: 'remove this argument' }
  }
  if (Array.isArray(getAt(tree, path.slice(0, -1)))) {
    const list = path.slice(0, -1).join('.')
    return {
      message: `${text}: an element is not removed from a list`,
      fix: `set the whole list:  ${list}=[…]`,
    }
  }
  if (value !== undefined && value !== null && !isSame(existing, value)) {
    const now = JSON.stringify(existing)
    return { message: `${text}: the value of ${key} is ${now}`, fix: `write  ~${key}  or  ~${key}=${now}` }
  }
  for (const place of places(tree, path)) {
    deleteAt(tree, place)
    origins.removed(place, { kind: 'override', text })
  }
  return undefined
}

/** What stands in the way of a value at a path: a parent that is no map, a list that is too short. */
function blockedAt(tree: Tree, path: Path, isSet: boolean): Mistake | undefined {
  for (let length = 0; length < path.length; length++) {
    const parent = getAt(tree, path.slice(0, length))
    if (parent === undefined || (parent === null && !isSet)) return undefined
    const name = path.slice(0, length).join('.')
    const next = path[length]!
    if (Array.isArray(parent)) {
      if (/^\d+$/.test(next) && Number(next) < parent.length) continue
      const range = parent.length === 0 ? 'is empty' : `has the elements 0 to ${parent.length - 1}`
      return {
        message: `${path.join('.')}: the list ${name} ${range}`,
        fix: `set the whole list:  ${name}=[…]`,
      }
    }
    if (!isTree(parent)) {
      return {
        message: `${path.join('.')}: ${name} is ${JSON.stringify(parent)}, not a map`,
        fix: parent === null ? `write  +${path.join('.')}=…` : `set ${name} itself`,
      }
    }
  }
  return undefined
}

/**
 * Without `+`, a key and all keys of a given map must exist, or be listed in the schema without a default; a map that is
 * empty so far may be given whole.
 */
function notThere(
  tree: Tree,
  origins: Origins,
  path: Path,
  value: Value,
  override: Override,
  extensions: Extensions,
): Mistake | undefined {
  const existing = getAt(tree, path)
  if (existing === undefined && isOptional(path, origins, extensions)) return undefined
  if (existing === undefined) return unknownKey(tree, path, override, extensions)
  if (!isTree(existing) || !isTree(value) || Object.keys(existing).length === 0) return undefined
  for (const [key, item] of Object.entries(value)) {
    const mistake = notThere(tree, origins, [...path, key], item, override, extensions)
    if (mistake !== undefined) return mistake
  }
  return undefined
}

/** Whether the schema lists the key, and has no default for it that could have been removed. */
function isOptional(path: Path, origins: Origins, extensions: Extensions): boolean {
  const outline = outlineAt(path, extensions)
  return outline !== undefined && outline.kind !== 'any' && getAt(origins.defaults, path) === undefined
}

function there(tree: Tree, path: Path, value: Value, { text, key }: Override): Mistake | undefined {
  const existing = getAt(tree, path)
  if (existing === undefined || existing === null || (typeof value === 'object' && value !== null))
    return undefined
  return { message: `${text}: ${key} exists already`, fix: `to change it write  ${text.slice(1)}` }
}

/** A list does not become a map, nor a map a list. */
function otherKind(existing: Value | undefined, value: Value, { text, key }: Override): Mistake | undefined {
  if (isTree(existing) && Array.isArray(value)) {
    return { message: `${text}: ${key} is a map, the value a list`, fix: `write  ${key}={KEY:VALUE}` }
  }
  if (Array.isArray(existing) && isTree(value)) {
    return { message: `${text}: ${key} is a list, the value a map`, fix: `write  ${key}=[…]` }
  }
  return undefined
}

function unknownKey(tree: Tree, path: Path, override: Override, extensions: Extensions): Mistake {
  const name = path.join('.')
  const add = `+${override.text.replace(/^\+*/, '')}`
  if (outlineAt(path, extensions) !== undefined) {
    return { message: `${name} is not set in this configuration`, fix: `to add it write  ${add}` }
  }
  const near = meant(nearKeys(tree, path, extensions))
  return {
    message: `${name} is not a known key`,
    fix: near === '' ? `to add a new key write  ${add}` : `${near}      (to add a new key write  ${add})`,
  }
}

function meant(near: readonly string[]): string {
  return near.length > 0 ? `did you mean  ${near.join('  or  ')} ?` : ''
}
