import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { didYouMean, ExitCode, VisslError } from '../errors.ts'

/** A path, or of labels also several files, one entry of a sample's label each. */
export type CatalogPath = string | readonly string[]

/** Where one split lies: `[images]` or `[images, labels]`. */
export type SplitPaths = readonly CatalogPath[]

/** A data set by splits, usually `train` and `val`. */
export type DatasetEntry = Readonly<Record<string, SplitPaths>>

/** An entry and the file that says so; `undefined` when it was registered by a program. */
export interface CatalogRecord {
  readonly name: string
  readonly entry: DatasetEntry
  readonly file: string | undefined
}

export interface CatalogOptions {
  /** The folder whose `configs/config/dataset_catalog.json` counts. Default: the working folder. */
  cwd?: string
  env?: Readonly<Record<string, string | undefined>>
  /** Files to read instead of the usual three, the strongest first. */
  files?: readonly string[]
}

/** Where a catalog lies within a folder. */
const place = join('configs', 'config', 'dataset_catalog.json')
const packaged = fileURLToPath(new URL(`../../${place.replaceAll('\\', '/')}`, import.meta.url))

/** More is no catalog. */
const maxBytes = 16 * 1024 * 1024

/**
 * Data sets by name. An entry registered by a program goes before the file of `VISSL_DATASET_CATALOG_PATH`, that
 * before `configs/config/dataset_catalog.json` of the working folder, that before the package's own, whose paths are
 * placeholders. Files are read when the first name is asked for.
 */
export class DatasetCatalog {
  readonly #options: CatalogOptions
  readonly #registered = new Map<string, DatasetEntry>()
  #read: Map<string, CatalogRecord> | undefined

  constructor(options: CatalogOptions = {}) {
    this.#options = options
  }

  /** The files that are read, the strongest first; one that is not there counts nothing. */
  get files(): string[] {
    const { cwd = process.cwd(), env = process.env, files } = this.#options
    if (files !== undefined) return [...files]
    const given = env.VISSL_DATASET_CATALOG_PATH
    return [...new Set([...(given ? [resolve(cwd, given)] : []), join(cwd, place), packaged])]
  }

  /** The file into which a data set of one's own belongs. */
  get ownFile(): string {
    return this.files[0]!
  }

  /**
   * Adds a data set for this process.
   *
   * @throws VisslError when the name is registered already or the entry is malformed
   */
  register(name: string, entry: DatasetEntry): void {
    if (this.#registered.has(name)) {
      throw new VisslError(
        ExitCode.usage,
        `the data set "${name}" is registered already`,
        'give it another name, or remove the first one',
      )
    }
    this.#registered.set(name, checkedEntry(name, entry, 'the catalog'))
  }

  /** Adds all data sets of a JSON file for this process. @throws VisslError see {@link register} */
  registerJson(path: string): void {
    for (const [name, entry] of readCatalog(path)) this.register(name, entry)
  }

  has(name: string): boolean {
    return this.#registered.has(name) || this.#files().has(name)
  }

  /** @throws VisslError naming like names and all known ones when there is none of this name */
  get(name: string): CatalogRecord {
    const own = this.#registered.get(name)
    if (own !== undefined) return { name, entry: own, file: undefined }
    const found = this.#files().get(name)
    if (found !== undefined) return found
    const names = this.list().map((record) => record.name)
    const near = didYouMean(name, names)
    const hint = near.length > 0 ? `; did you mean ${near.join(' or ')}?` : ''
    throw new VisslError(
      ExitCode.usage,
      `no data set is named "${name}"${hint}`,
      `known: ${names.join(', ') || 'none'}; add it to ${this.ownFile} with: vissl data register ${name} --train PATH`,
    )
  }

  /** All data sets, sorted by name. */
  list(): CatalogRecord[] {
    const all = new Map(this.#files())
    for (const [name, entry] of this.#registered) all.set(name, { name, entry, file: undefined })
    return [...all.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  /** Forgets a data set that a program registered. @returns whether there was one */
  remove(name: string): boolean {
    return this.#registered.delete(name)
  }

  /** Forgets what programs registered, and what was read of the files. */
  clear(): void {
    this.#registered.clear()
    this.#read = undefined
  }

  #files(): Map<string, CatalogRecord> {
    if (this.#read !== undefined) return this.#read
    const read = new Map<string, CatalogRecord>()
    const given =
      this.#options.files === undefined && (this.#options.env ?? process.env).VISSL_DATASET_CATALOG_PATH
    for (const file of this.files.reverse()) {
      if (!existsSync(file)) {
        if (!given || file !== this.ownFile) continue
        throw new VisslError(
          ExitCode.usage,
          `VISSL_DATASET_CATALOG_PATH is ${given}, which does not exist`,
          'correct or unset it',
        )
      }
      for (const [name, entry] of readCatalog(file)) read.set(name, { name, entry, file })
    }
    this.#read = read
    return read
  }
}

/** The catalog of this process. */
export const datasetCatalog: DatasetCatalog = new DatasetCatalog()

/** Reads a catalog file. @throws VisslError when it is no JSON or an entry is malformed */
export function readCatalog(path: string): [string, DatasetEntry][] {
  const malformed = (what: string, fix?: string) =>
    new VisslError(
      ExitCode.usage,
      `data set catalog ${path}: ${what}`,
      fix ?? 'write  { "NAME": { "train": ["IMAGES", "LABELS"], "val": ["IMAGES", "LABELS"] } }',
    )
  let json: unknown
  try {
    const text = readFileSync(path, 'utf8')
    if (text.length > maxBytes) throw new Error(`${text.length} characters are no catalog`)
    json = JSON.parse(text)
  } catch (error) {
    throw malformed((error as Error).message)
  }
  if (!isMap(json)) throw malformed('it is no map of names')
  return Object.entries(json).map(([name, entry]) => [name, checkedEntry(name, entry, path)])
}

const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const isPath = (value: unknown): value is CatalogPath =>
  typeof value === 'string' ||
  (Array.isArray(value) && value.length > 0 && value.every((one) => typeof one === 'string'))

function checkedEntry(name: string, entry: unknown, where: string): DatasetEntry {
  const good =
    isMap(entry) && Object.values(entry).every((paths) => Array.isArray(paths) && paths.every(isPath))
  if (good) return entry as DatasetEntry
  throw new VisslError(
    ExitCode.usage,
    `the data set "${name}" of ${where} is no map of splits with lists of paths`,
    `write  "${name}": { "train": ["IMAGES", "LABELS"], "val": ["IMAGES", "LABELS"] }`,
  )
}

/** Whether a path only stands for one that the user has to give: `<images of ImageNet>`. */
export const isPlaceholder = (path: CatalogPath): boolean =>
  [path].flat().some((one) => /^<.*>$/.test(one as string))
