import { createHash, randomUUID } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { z } from 'zod'
import type { Outline } from './outline.ts'
import type { Tree } from './tree.ts'

/** What the schema says, as data. */
export interface BuiltIn {
  readonly outline: Outline
  /** The whole tree of defaults. */
  readonly defaults: Tree
  /** The schema itself, where it says something that an outline cannot. */
  readonly schema?: z.ZodType
}

/** Files of the schema that stay in the cache. */
const KEPT = 4

/**
 * The built-in schema's outline and defaults. They are kept in the user's cache under the digest of the files that they
 * come from, so that most runs need not load zod and the schema; where there is no cache, they do.
 */
export const builtIn: BuiltIn = await load()

async function load(): Promise<BuiltIn> {
  const file = cacheFile()
  const result = read(file) ?? (await build(file))
  if (!JSON.stringify(result.outline).includes('"opaque"')) return result
  return { ...result, schema: (await import('./schema/index.ts')).rootSchema }
}

async function build(file: string | undefined): Promise<BuiltIn> {
  const [{ rootSchema }, { outlineOf }] = await Promise.all([
    import('./schema/index.ts'),
    import('./outline-of.ts'),
  ])
  const result = { outline: outlineOf(rootSchema), defaults: rootSchema.parse({}) as unknown as Tree }
  if (file !== undefined) write(file, JSON.stringify(result))
  return result
}

/** `VISSL_CACHE`, else `XDG_CACHE_HOME/vissl`, else `~/.cache/vissl`. */
function cacheFolder(env: NodeJS.ProcessEnv): string {
  return env.VISSL_CACHE || join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'vissl')
}

function cacheFile(): string | undefined {
  try {
    const folder = fileURLToPath(new URL('.', import.meta.url))
    const names = readdirSync(join(folder, 'schema'), { recursive: true, encoding: 'utf8' })
    const sources = [...names.map((name) => join('schema', name)), ...readdirSync(folder).filter(isOutline)]
    const hash = createHash('sha256')
    for (const name of sources.filter(isSource).sort())
      hash.update(name).update(readFileSync(join(folder, name)))
    return join(cacheFolder(process.env), `schema-${hash.digest('hex').slice(0, 32)}.json`)
  } catch {
    return undefined
  }
}

function isOutline(name: string): boolean {
  return name.startsWith('outline') || name.startsWith('built-in')
}

function isSource(name: string): boolean {
  return /\.[jt]s$/.test(name) && !name.endsWith('.d.ts')
}

/** What is cached; a file that is missing or damaged is made anew. */
function read(file: string | undefined): BuiltIn | undefined {
  try {
    const { outline, defaults } = JSON.parse(readFileSync(file ?? '', 'utf8')) as Partial<BuiltIn>
    return outline?.kind === 'map' && defaults?.config !== undefined ? { outline, defaults } : undefined
  } catch {
    return undefined
  }
}

/** Other processes may write the same; a folder that cannot be written only costs time. */
function write(file: string, text: string): void {
  try {
    mkdirSync(dirname(file), { recursive: true })
    const beside = `${file}.${randomUUID()}`
    writeFileSync(beside, text)
    renameSync(beside, file)
    prune(dirname(file))
  } catch {
    // The next run tries again.
  }
}

/** Leaves the newest files alone: versions of vissl that are used in turn find theirs. */
function prune(folder: string): void {
  const written = readdirSync(folder)
    .filter((name) => /^schema-[0-9a-f]{32}\.json/.test(name))
    .map((name) => ({ path: join(folder, name), at: statSync(join(folder, name)).mtimeMs }))
  for (const { path } of written.sort((a, b) => b.at - a.at).slice(KEPT)) rmSync(path, { force: true })
}
