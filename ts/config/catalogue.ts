import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, sep } from 'node:path'

/** A configuration file that can be named on the command line. */
export interface CatalogueEntry {
  /** What chooses it: `config=pretrain/simclr/…`, `+config/pretrain/simclr/models=resnext101`. */
  readonly argument: string
  /** A base is a whole run; an overlay changes a part of one. */
  readonly kind: 'base' | 'overlay'
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
  return [...files]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, file]) => {
      const text = readFileSync(file, 'utf8')
      const kind = isBase(text) ? 'base' : 'overlay'
      return {
        argument: kind === 'base' ? `config=${name}` : overlayArgument(name),
        kind,
        summary: summaryOf(text),
        file,
      }
    })
}

function overlayArgument(name: string): string {
  const slash = name.lastIndexOf('/')
  return slash < 0 ? `+config=${name}` : `+config/${name.slice(0, slash)}=${name.slice(slash + 1)}`
}

/** The first comment that is not the package header, up to its first full stop where it has one. */
function summaryOf(text: string): string {
  for (const line of text.split('\n')) {
    const comment = /^#\s*(.*?)\s*$/.exec(line)?.[1]
    if (comment === undefined && line.trim() !== '') return ''
    if (comment === undefined || comment === '' || comment.startsWith('@package')) continue
    return comment
  }
  return ''
}

/** Whole runs say which data they read, with which model, in how many processes; overlays leave some of it out. */
function isBase(text: string): boolean {
  const has = (key: string) => new RegExp(`^[^#\\n]*\\b${key}:`, 'm').test(text)
  return has('MODEL') && has('DATA_SOURCES') && has('DISTRIBUTED')
}
