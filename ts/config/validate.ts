import { didYouMean } from '../errors.ts'
import { builtIn } from './built-in.ts'
import { type Extensions, keysAt, outlineAt } from './listed.ts'
import { describeValue, type Mistake } from './mistake.ts'
import { type Origin, originOf, placeOf } from './origins.ts'
import { describeOutline, faults, type Outline } from './outline.ts'
import { fillIn } from './removed.ts'
import type { RootConfig } from './schema/index.ts'
import { copy, getAt, type Path, type Tree, type Value } from './tree.ts'
import { showLine, type YamlFile } from './yaml.ts'

/** A checked tree, or what is wrong with it. */
export type Checked =
  | { readonly ok: true; readonly root: RootConfig }
  | { readonly ok: false; readonly mistakes: Mistake[] }

/** Something at a path that may not stand there; a message where the schema has its own. */
interface Fault {
  readonly path: Path
  readonly message?: string
}

/** Checks types and ranges of a composed tree and fills in defaults. */
export function check(
  tree: Tree,
  origins: ReadonlyMap<string, Origin>,
  files: ReadonlyMap<string, YamlFile>,
  extensions: Extensions = {},
): Checked {
  const found = [...faultsOf(tree), ...faultsOfExtensions(tree, extensions)].filter(
    ({ path }) => !isEmptyBlock(path, tree, origins, extensions),
  )
  if (found.length > 0) {
    return { ok: false, mistakes: found.map((fault) => explain(fault, tree, origins, files, extensions)) }
  }
  const root = copy(tree) as Tree
  fillIn(root, builtIn.defaults)
  return { ok: true, root: root as unknown as RootConfig }
}

/** A block whose keys are all commented out in a file: as if it were not there. */
function isEmptyBlock(
  path: Path,
  tree: Tree,
  origins: ReadonlyMap<string, Origin>,
  extensions: Extensions,
): boolean {
  if (getAt(tree, path) !== null || originOf(origins, path.join('.')).kind !== 'file') return false
  return outlineAt(path, extensions)?.kind === 'map'
}

function faultsOf(tree: Tree): Fault[] {
  if (builtIn.schema === undefined) return faults(tree, builtIn.outline).map((path) => ({ path }))
  return issuesOf(builtIn.schema.safeParse(tree), [])
}

function faultsOfExtensions(tree: Tree, extensions: Extensions): Fault[] {
  return Object.entries(extensions).flatMap(([key, schema]) => {
    const path = ['config', ...key.split('.')]
    return issuesOf(schema.safeParse(getAt(tree, path) ?? {}), path)
  })
}

/** What zod finds. */
function issuesOf(
  result: { error?: { issues: readonly { code: string; path: readonly PropertyKey[]; message: string }[] } },
  prefix: Path,
): Fault[] {
  return (result.error?.issues ?? []).map(({ code, path, message }) => ({
    path: [...prefix, ...path.map(String)],
    ...(code === 'custom' || code === 'unrecognized_keys' ? { message } : {}),
  }))
}

function explain(
  { path, message }: Fault,
  tree: Tree,
  origins: ReadonlyMap<string, Origin>,
  files: ReadonlyMap<string, YamlFile>,
  extensions: Extensions,
): Mistake {
  const key = path.join('.')
  const outline = outlineAt(path, extensions)
  const allowed = outline === undefined ? 'anything' : describeOutline(outline)
  const origin = originOf(origins, key)
  const value = getAt(tree, path)
  const isUnknown = outline === undefined && message === undefined
  const detail = isUnknown
    ? 'not a known key'
    : `got ${describeValue(value)}, ${message ?? `allowed: ${allowed}`}`
  const file = origin.kind === 'file' ? files.get(origin.file) : undefined
  const shown =
    origin.kind === 'file' && file !== undefined ? `\n${showLine(file.text, origin.line, origin.column)}` : ''
  return {
    message: `${placeOf(origin, key)}  ${key}: ${detail}${shown}`,
    fix: isUnknown
      ? unknownFix(path, extensions)
      : (message ?? fixFor(key, value, outline, `give ${key} ${allowed}`)),
  }
}

function unknownFix(path: Path, extensions: Extensions): string {
  const keys = keysAt(path.slice(0, -1), extensions)
  const near = didYouMean(path.at(-1)!, keys)
  return near.length > 0 ? `did you mean  ${near.join('  or  ')} ?` : `known here: ${keys.join(', ')}`
}

const YES: Readonly<Record<string, boolean>> = {
  yes: true,
  on: true,
  y: true,
  no: false,
  off: false,
  n: false,
}

function fixFor(
  key: string,
  value: Value | undefined,
  outline: Outline | undefined,
  otherwise: string,
): string {
  if (typeof value !== 'string' || outline === undefined) return otherwise
  if (outline.kind === 'choice') {
    const near = didYouMean(value, outline.of.map(String))
    if (near.length > 0) return `did you mean  ${near.map((name) => `${key}=${name}`).join('  or  ')} ?`
  }
  const meant = outline.kind === 'flag' ? YES[value.toLowerCase()] : undefined
  return meant === undefined ? otherwise : `write  ${key}=${meant}`
}
