import { isTree, type Path, type Value } from './tree.ts'

/**
 * What a schema says of a place, as data: what may stand there and what it is for, without zod, whose loading takes
 * longer than composing a configuration.
 */
export type Outline = Kind & {
  readonly description?: string
  readonly nullable?: true
  /** May be missing: it has a default, or none is needed. */
  readonly optional?: true
}

type Kind =
  | {
      readonly kind: 'map'
      readonly open: boolean
      readonly strict?: true
      readonly keys: Readonly<Record<string, Outline>>
    }
  | { readonly kind: 'record'; readonly of: Outline }
  | { readonly kind: 'list'; readonly of: Outline; readonly min?: number; readonly max?: number }
  | { readonly kind: 'tuple'; readonly items: readonly Outline[]; readonly rest?: Outline }
  | { readonly kind: 'union'; readonly of: readonly Outline[] }
  | NumberKind
  | { readonly kind: 'choice'; readonly of: readonly (string | number | boolean | null)[] }
  | { readonly kind: 'text'; readonly min?: number }
  | { readonly kind: 'flag' | 'any' }
  /** Something that only zod can judge. */
  | { readonly kind: 'opaque' }

export interface NumberKind {
  readonly kind: 'number'
  readonly whole: boolean
  readonly min?: number
  readonly max?: number
  readonly above?: number
  readonly below?: number
  readonly step?: number
}

/** Paths below a place at which something stands that may not; empty where all is well. */
export function faults(value: Value | undefined, outline: Outline, path: Path = []): Path[] {
  if (value === undefined) return outline.optional ? [] : [path]
  if (outline.kind === 'any' || (value === null && outline.nullable)) return []
  const isRight = (fits: boolean): Path[] => (fits ? [] : [path])
  switch (outline.kind) {
    case 'map':
      if (!isTree(value)) return [path]
      return [
        ...Object.entries(outline.keys).flatMap(([key, inner]) =>
          faults(Object.hasOwn(value, key) ? value[key] : undefined, inner, [...path, key]),
        ),
        ...Object.keys(value)
          .filter((key) => outline.strict && !Object.hasOwn(outline.keys, key))
          .map((key) => [...path, key]),
      ]
    case 'record':
      if (!isTree(value)) return [path]
      return Object.entries(value).flatMap(([key, item]) => faults(item, outline.of, [...path, key]))
    case 'list': {
      const { min = 0, max = Number.POSITIVE_INFINITY } = outline
      if (!Array.isArray(value) || value.length < min || value.length > max) return [path]
      return value.flatMap((item, i) => faults(item, outline.of, [...path, String(i)]))
    }
    case 'tuple': {
      const { items, rest } = outline
      if (!Array.isArray(value) || (value.length > items.length && rest === undefined)) return [path]
      if (items.slice(value.length).some(({ optional }) => !optional)) return [path]
      return value.flatMap((item, i) => faults(item, items[i] ?? rest!, [...path, String(i)]))
    }
    case 'union':
      return isRight(outline.of.some((option) => faults(value, option).length === 0))
    case 'number':
      return isRight(typeof value === 'number' && isWithin(value, outline))
    case 'choice':
      return isRight(outline.of.includes(value as string))
    case 'text':
      return isRight(typeof value === 'string' && value.length >= (outline.min ?? 0))
    case 'flag':
      return isRight(typeof value === 'boolean')
    case 'opaque':
      return [path]
  }
}

function isWithin(value: number, limits: NumberKind): boolean {
  const { whole, min = -Infinity, max = Infinity, above = -Infinity, below = Infinity, step } = limits
  if (!(whole ? Number.isSafeInteger(value) : Number.isFinite(value))) return false
  if (step !== undefined && value % step !== 0) return false
  return value >= min && value <= max && value > above && value < below
}

/** What may stand at a place, in words: `a whole number of at least 1`. */
export function describeOutline(outline: Outline): string {
  return `${describeKind(outline)}${outline.nullable ? ', or null' : ''}`
}

/** The allowed values where they are a closed set. */
export function choicesOf(outline: Outline): string[] {
  if (outline.kind === 'choice') return outline.of.map(String)
  if (outline.kind !== 'union') return []
  const all = outline.of.map(choicesOf)
  return all.every((choices) => choices.length > 0) ? all.flat() : []
}

function describeKind(outline: Outline): string {
  switch (outline.kind) {
    case 'number':
      return describeNumber(outline)
    case 'flag':
      return 'true or false'
    case 'text':
      return outline.min === undefined ? 'text' : `text of at least ${outline.min} characters`
    case 'choice': {
      const choices = outline.of.map((choice) => JSON.stringify(choice))
      return choices.length === 1 ? choices[0]! : `one of ${choices.join(', ')}`
    }
    case 'list': {
      const { min, max } = outline
      const length = min === undefined ? '' : min === max ? ` of ${min}` : ` of at least ${min}`
      return `a list${length}, each element ${describeOutline(outline.of)}`
    }
    case 'tuple':
      return `a list [${outline.items.map(describeOutline).join(', ')}]`
    case 'union':
      return outline.of.map(describeOutline).join(', or ')
    case 'map':
    case 'record':
      return 'a map'
    default:
      return 'anything'
  }
}

function describeNumber({ whole, min, max, above, below, step }: NumberKind): string {
  const limits = [
    min === undefined ? '' : `of at least ${min}`,
    above === undefined ? '' : `above ${above}`,
    max === undefined ? '' : `of at most ${max}`,
    below === undefined ? '' : `below ${below}`,
    step === undefined ? '' : `divisible by ${step}`,
  ].filter((limit) => limit !== '')
  return [whole ? 'a whole number' : 'a number', ...(limits.length > 0 ? [limits.join(' and ')] : [])].join(
    ' ',
  )
}
