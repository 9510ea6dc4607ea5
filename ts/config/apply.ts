import { didYouMean } from '../errors.ts'
import { allKeys, type Extensions, isOpenAt, keysAt, schemaAt } from './known.ts'
import type { Mistake } from './mistake.ts'
import type { Origins } from './origins.ts'
import type { Override } from './override.ts'
import { deleteAt, getAt, isTree, mergeAt, type Path, type Tree } from './tree.ts'

/** Applies a value override to the tree; gives the mistake in it instead where there is one. */
export function applyOverride(
  tree: Tree,
  origins: Origins,
  override: Override,
  extensions: Extensions = {},
): Mistake | undefined {
  const { path, mode, value, key } = override
  const existing = getAt(tree, path)
  if (mode === 'delete') {
    if (existing === undefined) return unknownKey(tree, override, extensions)
    if (value !== undefined && JSON.stringify(existing) !== JSON.stringify(value)) {
      const now = JSON.stringify(existing)
      return {
        message: `${override.text}: the value of ${key} is ${now}`,
        fix: `write  ~${key}  or  ~${key}=${now}`,
      }
    }
    deleteAt(tree, path)
    origins.removed(path, { kind: 'override', text: override.text })
    return undefined
  }
  if (value === undefined)
    return { message: `${override.text}: the value is missing`, fix: `write  ${key}=VALUE` }
  const blocked = blockedAt(tree, path)
  if (blocked !== undefined) return blocked
  if (mode === 'set' && existing === undefined && schemaAt(path, extensions) === undefined) {
    return unknownKey(tree, override, extensions)
  }
  if (mode === 'add' && existing !== undefined && existing !== null && typeof existing !== 'object') {
    if (value === null || typeof value !== 'object') {
      return {
        message: `${override.text}: ${key} exists already`,
        fix: `to change it write  ${override.text.slice(1)}`,
      }
    }
  }
  mergeAt(tree, path, value)
  origins.merged(path, value, () => ({ kind: 'override', text: override.text }))
  return undefined
}

/** What stands in the way of a value at a path: a parent that is no map, a list that is too short. */
function blockedAt(tree: Tree, path: Path): Mistake | undefined {
  for (let length = 0; length < path.length; length++) {
    const parent = getAt(tree, path.slice(0, length))
    if (parent === undefined || parent === null) return undefined
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
        fix: `set ${name} itself`,
      }
    }
  }
  return undefined
}

function unknownKey(tree: Tree, override: Override, extensions: Extensions): Mistake {
  const { key, path, mode } = override
  const near = nearKeys(tree, path, extensions)
  const add = mode === 'delete' ? '' : `to add a new key write  +${override.text.replace(/^\+*/, '')}`
  const meant = near.length > 0 ? `did you mean  ${near.join('  or  ')} ?` : ''
  const fix =
    meant !== '' && add !== ''
      ? `${meant}      (${add})`
      : meant || add || '`vissl config show` prints all keys'
  return { message: mode === 'delete' ? `${key} does not exist` : `${key} is not a known key`, fix }
}

function nearKeys(tree: Tree, path: Path, extensions: Extensions): string[] {
  for (let length = path.length - 1; length >= 0; length--) {
    const parent = path.slice(0, length)
    const value = getAt(tree, parent)
    if (value === undefined) continue
    const keys = [...new Set([...(isTree(value) ? Object.keys(value) : []), ...keysAt(parent, extensions)])]
    const siblings = didYouMean(path[length]!, keys)
    if (siblings.length > 0)
      return siblings.map((name) => [...parent, name, ...path.slice(length + 1)].join('.'))
    break
  }
  const all = allKeys(extensions)
  const last = path.at(-1)!.toLowerCase()
  const same = all.filter((key) => key.slice(key.lastIndexOf('.') + 1).toLowerCase() === last)
  const suffix = `.${path.join('.').toLowerCase()}`
  const ending = same.filter((key) => key.toLowerCase().endsWith(suffix))
  return (ending.length > 0 ? ending : same).slice(0, 3)
}

/** Keys of a file that the schema does not list where only listed keys are expected, with what may be meant. */
export function unknownKeys(file: Tree, extensions: Extensions = {}): { path: Path; near: string[] }[] {
  const found: { path: Path; near: string[] }[] = []
  const name = getAt(file, ['config', 'LOSS', 'name'])
  const visit = (tree: Tree, path: Path): void => {
    const keys = keysAt(path, extensions)
    const open = path.length === 0 ? false : isOpenAt(path, extensions)
    for (const [key, value] of Object.entries(tree)) {
      const full = [...path, key]
      const schema = schemaAt(full, extensions)
      if (schema !== undefined) {
        if (isTree(value) && schema !== 'free') visit(value, full)
        continue
      }
      const near = didYouMean(key, keys).map((candidate) => [...path, candidate].join('.'))
      const isChosenLoss = path.join('.') === 'config.LOSS' && key === name
      if (!isChosenLoss && (!open || near.length > 0)) found.push({ path: full, near })
    }
  }
  visit(file, [])
  return found
}
