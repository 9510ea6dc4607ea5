import { z } from 'zod'
import type { Extensions } from './listed.ts'
import { describeOutline } from './outline.ts'
import { outlineOf } from './outline-of.ts'
import { rootSchema } from './schema/index.ts'
import type { Path } from './tree.ts'

export { allKeys, defaultTree, describeValue, type Extensions, isOpenAt, keysAt } from './listed.ts'

/** A schema without its defaults, optional and null wrappers. */
export function unwrap(schema: z.ZodType): z.ZodType {
  let current = schema
  while (
    current instanceof z.ZodDefault ||
    current instanceof z.ZodPrefault ||
    current instanceof z.ZodOptional ||
    current instanceof z.ZodNullable
  ) {
    current = current.unwrap() as z.ZodType
  }
  return current
}

/** What the schema says of the place `path`: a schema, `free` where anything may stand, or nothing. */
export function schemaAt(path: Path, extensions: Extensions = {}): z.ZodType | 'free' | undefined {
  for (const [key, schema] of Object.entries(extensions)) {
    const prefix = ['config', ...key.split('.')]
    if (prefix.every((part, i) => path[i] === part)) return descend(schema, path.slice(prefix.length))
  }
  return descend(rootSchema, path)
}

function descend(from: z.ZodType, path: Path): z.ZodType | 'free' | undefined {
  let schema = from
  for (const key of path) {
    const inner = unwrap(schema)
    if (inner instanceof z.ZodObject) {
      const next: z.ZodType | undefined = Object.hasOwn(inner.shape, key) ? inner.shape[key] : undefined
      if (next === undefined) return undefined
      schema = next
    } else if (inner instanceof z.ZodArray) {
      if (!/^\d+$/.test(key)) return undefined
      schema = inner.element as z.ZodType
    } else if (inner instanceof z.ZodRecord) {
      schema = inner.valueType as z.ZodType
    } else return 'free'
  }
  return unwrap(schema) instanceof z.ZodUnknown ? 'free' : schema
}

/** What may stand at a place, in words: `a whole number of at least 1`. */
export function describeType(schema: z.ZodType | 'free' | undefined): string {
  return schema === undefined || schema === 'free' ? 'anything' : describeOutline(outlineOf(schema))
}
