import type { z } from 'zod'
import { builtIn } from './built-in.ts'
import type { Outline } from './outline.ts'
import { outlineOf } from './outline-of.ts'
import { copy, type Path, setAt, type Tree, type Value } from './tree.ts'

/**
 * Schemas of parts that are not built in, by path below `config`: `{ 'LOSS.my_loss': z.object({ … }) }`. Their keys
 * are known, their defaults filled in, their values checked.
 */
export type Extensions = Readonly<Record<string, z.ZodType>>

/** What may stand at the place `path`: an outline, `free` where anything may stand, or nothing. */
export function outlineAt(path: Path, extensions: Extensions = {}): Outline | 'free' | undefined {
  for (const [key, schema] of Object.entries(extensions)) {
    const prefix = ['config', ...key.split('.')]
    if (prefix.every((part, i) => path[i] === part)) {
      return descend(extensionOutline(schema), path.slice(prefix.length))
    }
  }
  return descend(builtIn.outline, path)
}

const extensionOutlines = new WeakMap<z.ZodType, Outline>()

function extensionOutline(schema: z.ZodType): Outline {
  const known = extensionOutlines.get(schema)
  if (known !== undefined) return known
  const outline = outlineOf(schema)
  extensionOutlines.set(schema, outline)
  return outline
}

function descend(from: Outline, path: Path): Outline | 'free' | undefined {
  let outline = from
  for (const key of path) {
    let next: Outline | undefined
    if (outline.kind === 'map') next = Object.hasOwn(outline.keys, key) ? outline.keys[key] : undefined
    else if (outline.kind === 'list') next = /^\d+$/.test(key) ? outline.of : undefined
    else if (outline.kind === 'record') next = outline.of
    else return 'free'
    if (next === undefined) return undefined
    outline = next
  }
  return outline.kind === 'any' ? 'free' : outline
}

/** Keys that the schema lists at a place, extensions included. */
export function keysAt(path: Path, extensions: Extensions = {}): string[] {
  const outline = outlineAt(path, extensions)
  const keys =
    outline !== undefined && outline !== 'free' && outline.kind === 'map' ? Object.keys(outline.keys) : []
  const prefix = path.slice(1).join('.')
  for (const key of Object.keys(extensions)) {
    const parts = key.split('.')
    if (path.length > 0 && parts.slice(0, -1).join('.') === prefix) keys.push(parts.at(-1)!)
  }
  return [...new Set(keys)]
}

/** Whether keys that are not listed may stand at a place. */
export function isOpenAt(path: Path, extensions: Extensions = {}): boolean {
  const outline = outlineAt(path, extensions)
  return outline === undefined || outline === 'free' || outline.kind !== 'map' || outline.open
}

/** Paths of all listed keys. */
export function allKeys(extensions: Extensions = {}, path: Path = []): string[] {
  return keysAt(path, extensions).flatMap((key) => {
    const full = [...path, key]
    return [full.join('.'), ...allKeys(extensions, full)]
  })
}

/** The whole tree of defaults. */
export function defaultTree(extensions: Extensions = {}): Tree {
  const tree = copy(builtIn.defaults) as Tree
  for (const [key, schema] of Object.entries(extensions)) {
    setAt(tree, ['config', ...key.split('.')], schema.parse({}) as Value)
  }
  return tree
}

/** A value as it is shown in a message. */
export function describeValue(value: unknown): string {
  if (value === undefined) return 'nothing'
  const text = typeof value === 'number' ? String(value) : JSON.stringify(value)
  const short = text.length > 60 ? `${text.slice(0, 57)}…` : text
  if (typeof value === 'string') return `${short} (text)`
  if (Array.isArray(value)) return `${short} (a list)`
  return typeof value === 'object' && value !== null ? `${short} (a map)` : short
}
