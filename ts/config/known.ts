import { z } from 'zod'
import { isOpen } from './schema/fields.ts'
import { rootSchema } from './schema/index.ts'
import { type Path, setAt, type Tree, type Value } from './tree.ts'

/**
 * Schemas of parts that are not built in, by path below `config`: `{ 'LOSS.my_loss': z.object({ … }) }`. Their keys
 * are known, their defaults filled in, their values checked.
 */
export type Extensions = Readonly<Record<string, z.ZodType>>

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

/** Keys that the schema lists at a place, extensions included. */
export function keysAt(path: Path, extensions: Extensions = {}): string[] {
  const schema = schemaAt(path, extensions)
  const inner = schema === undefined || schema === 'free' ? undefined : unwrap(schema)
  const keys = inner instanceof z.ZodObject ? Object.keys(inner.shape) : []
  const prefix = path.slice(1).join('.')
  for (const key of Object.keys(extensions)) {
    const parts = key.split('.')
    if (path.length > 0 && parts.slice(0, -1).join('.') === prefix) keys.push(parts.at(-1)!)
  }
  return keys
}

/** Whether keys that are not listed may stand at a place. */
export function isOpenAt(path: Path, extensions: Extensions = {}): boolean {
  const schema = schemaAt(path, extensions)
  if (schema === undefined || schema === 'free') return true
  const inner = unwrap(schema)
  return !(inner instanceof z.ZodObject) || isOpen(inner)
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
  const tree = rootSchema.parse({}) as unknown as Tree
  for (const [key, schema] of Object.entries(extensions)) {
    setAt(tree, ['config', ...key.split('.')], schema.parse({}) as Value)
  }
  return tree
}

/** What may stand at a place, in words: `a whole number of at least 1`. */
export function describeType(schema: z.ZodType | 'free' | undefined): string {
  if (schema === undefined || schema === 'free') return 'anything'
  const nullable = schema.safeParse(null).success ? ', or null' : ''
  return `${describeInner(unwrap(schema))}${nullable}`
}

function describeInner(schema: z.ZodType): string {
  if (schema instanceof z.ZodNumber) return describeNumber(schema)
  if (schema instanceof z.ZodBoolean) return 'true or false'
  if (schema instanceof z.ZodString) return 'text'
  if (schema instanceof z.ZodEnum)
    return `one of ${schema.options.map((option) => JSON.stringify(option)).join(', ')}`
  if (schema instanceof z.ZodLiteral)
    return [...schema.values].map((value) => JSON.stringify(value)).join(' or ')
  if (schema instanceof z.ZodTuple) {
    const items = (schema.def.items as readonly z.ZodType[]).map((item) => describeType(item))
    return `a list [${items.join(', ')}]`
  }
  if (schema instanceof z.ZodArray) return `a list, each element ${describeType(schema.element as z.ZodType)}`
  if (schema instanceof z.ZodUnion) {
    return (schema.options as readonly z.ZodType[]).map((option) => describeType(option)).join(', or ')
  }
  return schema instanceof z.ZodObject || schema instanceof z.ZodRecord ? 'a map' : 'anything'
}

function describeNumber(schema: z.ZodNumber): string {
  const limits: string[] = []
  const { minValue: low, maxValue: high } = schema
  if (isLimit(low)) limits.push(`${schema.safeParse(low).success ? 'of at least' : 'above'} ${low}`)
  if (isLimit(high)) limits.push(`${schema.safeParse(high).success ? 'of at most' : 'below'} ${high}`)
  return [
    schema.isInt ? 'a whole number' : 'a number',
    ...(limits.length > 0 ? [limits.join(' and ')] : []),
  ].join(' ')
}

function isLimit(value: number | null): value is number {
  return value !== null && Math.abs(value) < Number.MAX_SAFE_INTEGER
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
