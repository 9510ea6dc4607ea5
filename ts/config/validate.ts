import { z } from 'zod'
import { didYouMean } from '../errors.ts'
import { describeType, describeValue, type Extensions, schemaAt, unwrap } from './known.ts'
import type { Mistake } from './mistake.ts'
import { describeOrigin, type Origin, originOf } from './origins.ts'
import { type RootConfig, rootSchema } from './schema/index.ts'
import { getAt, type Tree, type Value } from './tree.ts'
import { showLine, type YamlFile } from './yaml.ts'

/** A checked tree, or what is wrong with it. */
export type Checked =
  | { readonly ok: true; readonly root: RootConfig }
  | { readonly ok: false; readonly mistakes: Mistake[] }

/** Checks types and ranges of a composed tree and fills in defaults. */
export function check(
  tree: Tree,
  origins: ReadonlyMap<string, Origin>,
  files: ReadonlyMap<string, YamlFile>,
  extensions: Extensions = {},
): Checked {
  const mistakes: Mistake[] = []
  const parsed = rootSchema.safeParse(tree)
  if (!parsed.success)
    mistakes.push(
      ...parsed.error.issues.map((issue) => explain(issue.path, issue, tree, origins, files, extensions)),
    )
  for (const [key, schema] of Object.entries(extensions)) {
    const path = ['config', ...key.split('.')]
    const part = schema.safeParse(getAt(tree, path) ?? {})
    if (part.success) continue
    for (const issue of part.error.issues) {
      mistakes.push(explain([...path, ...issue.path], issue, tree, origins, files, extensions))
    }
  }
  return parsed.success && mistakes.length === 0 ? { ok: true, root: parsed.data } : { ok: false, mistakes }
}

function explain(
  at: readonly PropertyKey[],
  issue: z.core.$ZodIssue,
  tree: Tree,
  origins: ReadonlyMap<string, Origin>,
  files: ReadonlyMap<string, YamlFile>,
  extensions: Extensions,
): Mistake {
  const path = at.map(String)
  const key = path.join('.')
  const schema = schemaAt(path, extensions)
  const origin = originOf(origins, key)
  const detail =
    issue.code === 'unrecognized_keys'
      ? `unknown key ${issue.keys.join(', ')}`
      : `got ${describeValue(getAt(tree, path))}, allowed: ${describeType(schema)}`
  const file = origin.kind === 'file' ? files.get(origin.file) : undefined
  const shown =
    origin.kind === 'file' && file !== undefined ? `\n${showLine(file.text, origin.line, origin.column)}` : ''
  return {
    message: `${placeOf(origin, key)}  ${key}: ${detail}${shown}`,
    fix: issue.code === 'custom' ? issue.message : fixFor(key, getAt(tree, path), schema),
  }
}

/** Where a value is from; an override that has the key itself in it is not repeated. */
function placeOf(origin: Origin, key: string): string {
  return origin.kind === 'override' && origin.text.replace(/^\+*/, '').startsWith(`${key}=`)
    ? 'command line'
    : describeOrigin(origin)
}

const YES: Readonly<Record<string, boolean>> = {
  yes: true,
  on: true,
  y: true,
  no: false,
  off: false,
  n: false,
}

function fixFor(key: string, value: Value | undefined, schema: z.ZodType | 'free' | undefined): string {
  const inner = schema === undefined || schema === 'free' ? undefined : unwrap(schema)
  if (typeof value === 'string' && inner instanceof z.ZodEnum) {
    const near = didYouMean(value, inner.options.map(String))
    if (near.length > 0) return `did you mean  ${near.map((name) => `${key}=${name}`).join('  or  ')} ?`
  }
  if (typeof value === 'string' && inner instanceof z.ZodBoolean) {
    const meant = YES[value.toLowerCase()]
    if (meant !== undefined) return `write  ${key}=${meant}`
  }
  return `give ${key} ${describeType(schema)}`
}
