import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, sep } from 'node:path'

/** A configuration file that can be named on the command line. */
export interface CatalogueEntry {
  /** What chooses it: `config=pretrain/simclr/…`, `+config/pretrain/simclr/models=resnext101`; the name of the others. */
  readonly argument: string
  /** A base is a whole run, an overlay changes a part of one; others are for another program, Detectron2's tools. */
  readonly kind: 'base' | 'overlay' | 'other'
  /** Its first comment, one line; empty without one. */
  readonly summary: string
  readonly file: string
}

/**
 * All configuration files of the search folders, sorted by name. A name that several folders have is that of the first.
 *
 * @param dirs as the composer searches them
 */
export function catalogue(dirs: readonly string[]): CatalogueEntry[] {
  const files = new Map<string, string>()
  for (const dir of dirs) {
    const root = join(dir, 'config')
    if (!existsSync(root)) continue
    for (const entry of readdirSync(root, { recursive: true, encoding: 'utf8' })) {
      const name = entry
        .split(sep)
        .join('/')
        .replace(/\.yaml$/, '')
      if (entry.endsWith('.yaml') && !files.has(name)) files.set(name, join(root, entry))
    }
  }
  const texts = new Map([...files].map(([name, file]) => [name, readFileSync(file, 'utf8')]))
  const kinds = kindsOf(texts)
  return [...texts]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, text]) => {
      const kind = kinds.get(name)!
      return { argument: argumentOf(name, kind), kind, summary: summaryOf(text), file: files.get(name)! }
    })
}

function argumentOf(name: string, kind: CatalogueEntry['kind']): string {
  if (kind === 'other') return name
  const folder = folderOf(name)
  if (kind === 'base') return `config=${name}`
  return folder === '' ? `+config=${name}` : `+config/${folder}=${name.slice(folder.length + 1)}`
}

/** The first comment that is not the package header. */
function summaryOf(text: string): string {
  for (const line of text.split('\n')) {
    const comment = /^#\s*(.*?)\s*$/.exec(line)?.[1]
    if (comment === undefined && line.trim() !== '') return ''
    if (comment === undefined || comment === '' || comment.startsWith('@package')) continue
    return comment
  }
  return ''
}

/**
 * Files do not say what they are. A whole run says which data it reads, with which model, and how it is trained or
 * distributed. One that only evaluates may lack the last; what lacks it below the folder of a whole run is an overlay.
 */
function kindsOf(texts: ReadonlyMap<string, string>): Map<string, CatalogueEntry['kind']> {
  const trained = new Set<string>()
  const reading: string[] = []
  for (const [name, text] of texts) {
    const has = (key: string) => new RegExp(`^[^#\\n]*\\b${key}:`, 'm').test(text)
    if (!has('MODEL') || !has('DATA_SOURCES')) continue
    if (has('OPTIMIZER') || has('DISTRIBUTED')) trained.add(name)
    else reading.push(name)
  }
  const folders = new Set([...trained].map(folderOf))
  folders.delete('')
  const bases = new Set([...trained, ...reading.filter((name) => !folders.has(folderOf(folderOf(name))))])
  return new Map(
    [...texts.keys()].map((name) => {
      if (bases.has(name)) return [name, 'base']
      return [name, /^(?:config|engine_name)\b/m.test(texts.get(name)!) ? 'overlay' : 'other']
    }),
  )
}

function folderOf(name: string): string {
  return name.slice(0, Math.max(0, name.lastIndexOf('/')))
}
