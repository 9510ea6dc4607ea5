import type { z } from 'zod'
import type { NumberKind, Outline } from './outline.ts'
import { isOpen } from './schema/open.ts'

/** The outline of a schema. Loads no zod: a schema knows its own definition. */
export function outlineOf(schema: z.ZodType): Outline {
  const { def, description } = schema
  const said = description === undefined ? {} : { description }
  if (def.type === 'default' || def.type === 'prefault' || def.type === 'optional') {
    return { ...outlineOf(innerOf(schema)), optional: true, ...said }
  }
  if (def.type === 'nullable') return { ...outlineOf(innerOf(schema)), nullable: true, ...said }
  return { ...shapeOf(schema), ...said }
}

function innerOf(schema: z.ZodType): z.ZodType {
  return (schema.def as unknown as { innerType: z.ZodType }).innerType
}

/** What definitions of zod hold, as far as it is read here. */
interface Definition {
  readonly type: string
  readonly checks?: readonly { readonly _zod: { readonly def: Check } }[]
  readonly shape: Readonly<Record<string, z.ZodType>>
  readonly catchall?: z.ZodType
  readonly element: z.ZodType
  readonly valueType: z.ZodType
  readonly options: readonly z.ZodType[]
  readonly items: readonly z.ZodType[]
  readonly rest: z.ZodType | null
  readonly entries: Readonly<Record<string, string | number>>
  readonly values: readonly (string | number | boolean | null)[]
  readonly check?: string
  readonly format?: string
}

interface Check {
  readonly check: string
  readonly format?: string
  readonly value?: number
  readonly inclusive?: boolean
  readonly minimum?: number
  readonly maximum?: number
  readonly length?: number
}

function shapeOf(schema: z.ZodType): Outline {
  const def = schema.def as unknown as Definition
  const checks = (def.checks ?? []).map(({ _zod }) => _zod.def)
  if (def.type === 'number') return numberOf(def, checks)
  if (def.type === 'array') return listOf(def, checks)
  if (def.type === 'string') return textOf(def, checks)
  if (checks.length > 0) return { kind: 'opaque' }
  switch (def.type) {
    case 'object': {
      const isStrict = def.catchall?.def.type === 'never'
      const keys = Object.entries(def.shape).map(([key, value]) => [key, outlineOf(value)] as const)
      return {
        kind: 'map',
        open: isOpen(schema),
        ...(isStrict ? { strict: true } : {}),
        keys: Object.fromEntries(keys),
      }
    }
    case 'record':
      return { kind: 'record', of: outlineOf(def.valueType) }
    case 'tuple':
      return {
        kind: 'tuple',
        items: def.items.map(outlineOf),
        ...(def.rest === null ? {} : { rest: outlineOf(def.rest) }),
      }
    case 'union':
      return { kind: 'union', of: def.options.map(outlineOf) }
    case 'enum':
      return { kind: 'choice', of: Object.values(def.entries) }
    case 'literal':
      return { kind: 'choice', of: def.values }
    case 'boolean':
      return { kind: 'flag' }
    case 'unknown':
    case 'any':
      return { kind: 'any', optional: true }
    case 'null':
      return { kind: 'choice', of: [null] }
    default:
      return { kind: 'opaque' }
  }
}

function numberOf(def: Definition, checks: readonly Check[]): Outline {
  let outline: Outline & { kind: 'number' } = { kind: 'number', whole: isWhole(def.format) }
  for (const { check, format, value = 0, inclusive } of checks) {
    const { min = -Infinity, max = Infinity, above = -Infinity, below = Infinity }: NumberKind = outline
    if (check === 'number_format' && isWhole(format)) outline = { ...outline, whole: true }
    else if (check === 'multiple_of' && outline.step === undefined && outline.whole)
      outline = { ...outline, step: value }
    else if (check === 'greater_than' && inclusive) outline = { ...outline, min: Math.max(min, value) }
    else if (check === 'greater_than') outline = { ...outline, above: Math.max(above, value) }
    else if (check === 'less_than' && inclusive) outline = { ...outline, max: Math.min(max, value) }
    else if (check === 'less_than') outline = { ...outline, below: Math.min(below, value) }
    else return { kind: 'opaque' }
  }
  return outline
}

function textOf(def: Definition, checks: readonly Check[]): Outline {
  const isPlain = def.format === undefined && checks.every(({ check }) => check === 'min_length')
  const min = Math.max(0, ...checks.map(({ minimum = 0 }) => minimum))
  if (!isPlain) return { kind: 'opaque' }
  return min === 0 ? { kind: 'text' } : { kind: 'text', min }
}

function isWhole(format: string | undefined): boolean {
  return format === 'safeint'
}

function listOf(def: Definition, checks: readonly Check[]): Outline {
  let outline: Outline & { kind: 'list' } = { kind: 'list', of: outlineOf(def.element) }
  for (const { check, minimum, maximum, length } of checks) {
    if (check === 'min_length') outline = { ...outline, min: minimum! }
    else if (check === 'max_length') outline = { ...outline, max: maximum! }
    else if (check === 'length_equals') outline = { ...outline, min: length!, max: length! }
    else return { kind: 'opaque' }
  }
  return outline
}
