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

/** What may stand at the place `path`; below what may be anything, too. `undefined` where the schema knows no place. */
export function outlineAt(path: Path, extensions: Extensions = {}): Outline | undefined {
  let outline = wholeOutline(extensions)
  for (const key of path) {
    let next: Outline | undefined
    if (outline.kind === 'map') next = Object.hasOwn(outline.keys, key) ? outline.keys[key] : undefined
    else if (outline.kind === 'list') next = /^\d+$/.test(key) ? outline.of : undefined
    else if (outline.kind === 'record') next = outline.of
    else return ANYTHING
    if (next === undefined) return undefined
    outline = next
  }
  return outline
}

const ANYTHING: Outline = { kind: 'any' }

const wholeOutlines = new WeakMap<Extensions, Outline>()

/** The built-in outline with those of the extensions in their places. */
function wholeOutline(extensions: Extensions): Outline {
  let whole = wholeOutlines.get(extensions)
  if (whole === undefined) {
    whole = builtIn.outline
    for (const [key, schema] of Object.entries(extensions))
      whole = withPart(whole, ['config', ...key.split('.')], outlineOf(schema))
    wholeOutlines.set(extensions, whole)
  }
  return whole
}

function withPart(outline: Outline, [key, ...below]: Path, part: Outline): Outline {
  if (key === undefined) return part
  const map = outline.kind === 'map' ? outline : EMPTY
  const inner = Object.hasOwn(map.keys, key) ? map.keys[key]! : EMPTY
  return { ...map, keys: { ...map.keys, [key]: withPart(inner, below, part) } }
}

const EMPTY: Outline & { kind: 'map' } = { kind: 'map', open: true, keys: {} }

/** Keys that the schema lists at a place. */
export function keysAt(path: Path, extensions: Extensions = {}): string[] {
  const outline = outlineAt(path, extensions)
  return outline?.kind === 'map' ? Object.keys(outline.keys) : []
}

/** Whether keys that are not listed may stand at a place. */
export function isOpenAt(path: Path, extensions: Extensions = {}): boolean {
  const outline = outlineAt(path, extensions)
  return outline?.kind !== 'map' || outline.open
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
    // A part that cannot be without a parameter has no defaults.
    const defaults = schema.safeParse({})
    if (defaults.success) setAt(tree, ['config', ...key.split('.')], defaults.data as Value)
  }
  return tree
}
