import { z } from 'zod'
import { defaultTree, describeType, type Extensions, isOpenAt, keysAt, schemaAt, unwrap } from './known.ts'
import { getAt, type Path, type Tree, type Value } from './tree.ts'

/** What the schema says of one key. */
export interface KeyDescription {
  /** From the root: `config.OPTIMIZER.num_epochs`. */
  readonly path: string
  /** `block` has listed keys below it, `map` has free ones, `value` is everything else, lists too. */
  readonly kind: 'block' | 'map' | 'value'
  /** What may stand there, in words: `a whole number of at least 1`. */
  readonly type: string
  /** The allowed values where they are a closed set. */
  readonly choices: readonly string[]
  /** What stands there when nobody sets it; `undefined` where the key is then absent. */
  readonly default: Value | undefined
  /** One sentence or less. */
  readonly description: string
  /** Whether keys that are not listed may stand below. */
  readonly isOpen: boolean
}

/**
 * Describes one place of a configuration, elements of lists included.
 *
 * @returns `undefined` where the schema knows no such place
 */
export function describeKey(path: Path, extensions: Extensions = {}): KeyDescription | undefined {
  return describe(path, extensions, defaultTree(extensions))
}

/** Describes every listed key below a path, parents before their children, in the order of the schema. */
export function describeKeys(path: Path = [], extensions: Extensions = {}): KeyDescription[] {
  const defaults = defaultTree(extensions)
  const below = (parent: Path): KeyDescription[] =>
    keysAt(parent, extensions).flatMap((key) => {
      const full = [...parent, key]
      const described = describe(full, extensions, defaults)
      return described === undefined ? [] : [described, ...below(full)]
    })
  return below(path)
}

function describe(path: Path, extensions: Extensions, defaults: Tree): KeyDescription | undefined {
  const schema = schemaAt(path, extensions)
  if (schema === undefined) return undefined
  const isFree = schema === 'free'
  const inner = isFree ? undefined : unwrap(schema)
  const isBlock = inner instanceof z.ZodObject || keysAt(path, extensions).length > 0
  const kind = isBlock ? 'block' : inner instanceof z.ZodRecord ? 'map' : 'value'
  return {
    path: path.join('.'),
    kind,
    type: describeType(schema),
    choices: choicesOf(inner),
    default: getAt(defaults, path),
    description: isFree ? '' : descriptionOf(schema),
    isOpen: kind === 'map' || (kind === 'block' && isOpenAt(path, extensions)),
  }
}

function choicesOf(schema: z.ZodType | undefined): string[] {
  if (schema instanceof z.ZodEnum) return schema.options.map(String)
  if (schema instanceof z.ZodLiteral) return [...schema.values].map(String)
  if (schema instanceof z.ZodUnion) {
    const all = (schema.options as readonly z.ZodType[]).map((option) => choicesOf(unwrap(option)))
    return all.every((choices) => choices.length > 0) ? all.flat() : []
  }
  return []
}

/** The description of a schema, given before or after a default was added. */
function descriptionOf(schema: z.ZodType): string {
  if (schema.description !== undefined) return schema.description
  const isWrapped =
    schema instanceof z.ZodDefault ||
    schema instanceof z.ZodPrefault ||
    schema instanceof z.ZodOptional ||
    schema instanceof z.ZodNullable
  return isWrapped ? descriptionOf(schema.unwrap() as z.ZodType) : ''
}
