import { existsSync } from 'node:fs'
import { didYouMean, ExitCode, VisslError } from '../../errors.ts'
import { type CatalogPath, type DatasetCatalog, datasetCatalog, isPlaceholder } from '../catalog.ts'
import type { DataSplit, SplitName } from '../dataset.ts'
import { builtEntry } from '../dataset-builders/index.ts'
import { kinds, type SourceKind, type SourceSpec } from './kinds.ts'

/** Where the labels of a sample come from, as the data engine takes it. */
export type LabelSpec =
  | { type: 'source'; source: number }
  | { type: 'files'; paths: readonly string[] }
  | { type: 'zero' }

export interface ResolveOptions {
  split: DataSplit
  splitName: SplitName
  channels: 1 | 3
  catalog?: DatasetCatalog
}

export interface ResolvedData {
  /** One for each of `DATA_SOURCES`. */
  sources: SourceSpec[]
  /** One for each of `LABEL_SOURCES`; none where those are the data sources' own, in order. */
  labels: LabelSpec[]
}

/** A path and where it stands, for messages. */
interface Found {
  path: CatalogPath
  from: string
  fix: string
}

/**
 * Finds the data of a split: explicit paths go before the catalog, `TRAIN` reads a data set's `train`, `TEST` its
 * `val`. Unlike VISSL, a data set that is not in the catalog is no error where `DATA_PATHS` is given and no labels are
 * asked for.
 *
 * @throws VisslError naming the key, and the file where a path is missing
 */
export function resolveData(options: ResolveOptions): ResolvedData {
  const { split, splitName, channels } = options
  const key = `DATA.${splitName}`
  if (split.DATA_SOURCES.length === 0) {
    throw new VisslError(
      ExitCode.usage,
      `${key}.DATA_SOURCES is empty`,
      `set config.${key}.DATA_SOURCES=[disk_folder]`,
    )
  }
  const found = split.DATA_SOURCES.map((name, index) =>
    chosen(name, `${key}.DATA_SOURCES[${index}]`, 'data source', kinds),
  )
  checkLengths(split, key)
  const sources = split.DATA_SOURCES.map((name, index) => {
    const kind = found[index]!
    const context = {
      split,
      splitName,
      channels,
      name: split.DATASET_NAMES?.[index] ?? '',
      labelled: labelsFrom(split, index) === name,
    }
    if (kind.path === 'none') return kind.spec('', context)
    const path = dataPath(options, index)
    if (typeof path.path !== 'string') {
      throw new VisslError(ExitCode.usage, `${path.from} is a list where one path is wanted`, path.fix)
    }
    if (kind.path === 'file') requireFile(path)
    return kind.spec(path.path, context)
  })
  const labels = (split.LABEL_SOURCES ?? []).map((name, index) => labelSpec(options, name, index))
  const own = labels.every((label, index) => label.type === 'source' && label.source === index)
  return { sources, labels: own && labels.length === sources.length ? [] : labels }
}

/** The paths that a split reads: one an image source, and one or several a label source. */
export interface SplitPathList {
  /** Empty of sources that read nothing. */
  data: string[]
  /** Empty of labels that are in no file of their own. */
  labels: CatalogPath[]
}

/** Where {@link resolveData} finds the data. @throws VisslError as it does */
export function pathsOf(options: ResolveOptions): SplitPathList {
  const { sources, labels } = resolveData(options)
  const { LABEL_SOURCES = [] } = options.split
  return {
    data: sources.map(({ path }) => (typeof path === 'string' ? path : '')),
    labels: LABEL_SOURCES.map((_, index) => {
      const label = labels[index]
      return label?.type === 'files' ? label.paths : ''
    }),
  }
}

const labelsFrom = (split: DataSplit, index: number): string | undefined => split.LABEL_SOURCES?.[index]

function checkLengths(split: DataSplit, key: string): void {
  const wanted = split.DATA_SOURCES.length
  const read = split.DATA_SOURCES.filter((name) => kinds[name]?.path !== 'none').length
  const paths = split.DATA_PATHS.length
  const check = (name: string, length: number) => {
    if (length === wanted) return
    throw new VisslError(
      ExitCode.usage,
      `${key}.${name} has ${length} entries, and DATA_SOURCES has ${wanted}`,
      'give one for each data source',
    )
  }
  if (paths > 0) check('DATA_PATHS', paths)
  else if (read > 0) check('DATASET_NAMES', split.DATASET_NAMES?.length ?? 0)
  const labels = split.LABEL_SOURCES?.length ?? 0
  if (labels > wanted) check('LABEL_SOURCES', labels)
}

function chosen(
  name: string,
  key: string,
  kind: string,
  from: Readonly<Record<string, SourceKind>>,
): SourceKind {
  if (Object.hasOwn(from, name)) return from[name]!
  const names = Object.keys(from)
  const near = didYouMean(name, names)
  const gone: Record<string, string> = {
    everstore: 'everstore is a store within Facebook; use disk_filelist or disk_folder',
    airstore: 'airstore is a store within Facebook; use tar, disk_filelist or disk_folder',
  }
  throw new VisslError(
    ExitCode.usage,
    `${key}: there is no ${kind} named "${name}"${near.length > 0 ? `; did you mean ${near.join(' or ')}?` : ''}`,
    gone[name] ?? `known: ${names.join(', ')}`,
  )
}

/** The path of data source `index`. */
function dataPath(options: ResolveOptions, index: number): Found {
  const { split, splitName } = options
  const key = `DATA.${splitName}.DATA_PATHS`
  const given = split.DATA_PATHS[index]
  const set = `set config.${key}=[PATH]`
  if (given !== undefined && given !== '') return usable({ path: given, from: `${key}[${index}]`, fix: set })
  const name = split.DATASET_NAMES?.[index]
  if (name === undefined || name === '') throw new VisslError(ExitCode.usage, `${key} is empty`, set)
  const found = catalogPath(options, index, name, 0, set)
  if (found !== undefined) return usable(found)
  throw new VisslError(
    ExitCode.usage,
    `the data set "${name}" has no ${part(splitName)} images in the catalog`,
    set,
  )
}

const part = (splitName: SplitName): string => (splitName === 'TRAIN' ? 'train' : 'val')

function catalogPath(
  { split: { DATA_SOURCES }, splitName, catalog = datasetCatalog }: ResolveOptions,
  index: number,
  name: string,
  at: 0 | 1,
  set: string,
): Found | undefined {
  const record = catalog.get(name)
  const { entry, file } = DATA_SOURCES[index] === 'disk_filelist' ? builtEntry(record) : record
  const split = part(splitName)
  const path = entry[split]?.[at]
  if (path === undefined) return undefined
  const where = file === undefined ? 'the registered data set' : file
  return {
    path,
    from: `"${name}", ${split}, entry ${at} of ${where}`,
    fix: `${set}, or the path in ${file === undefined ? 'the registration' : catalog.ownFile}: vissl data register ${name} --${split} PATH`,
  }
}

function usable(found: Found): Found {
  if (!isPlaceholder(found.path)) return found
  throw new VisslError(
    ExitCode.data,
    `${found.from} is the placeholder ${String(found.path)}: it is not known where the data are`,
    found.fix,
  )
}

function requireFile({ path, from, fix }: Found): void {
  const missing = [path].flat().find((one) => !existsSync(one as string))
  if (missing !== undefined) {
    throw new VisslError(ExitCode.data, `${from} is ${missing as string}, which does not exist`, fix)
  }
}

function labelSpec(options: ResolveOptions, name: string, index: number): LabelSpec {
  const dataSource = options.split.DATA_SOURCES[index]
  const key = `DATA.${options.splitName}.LABEL_SOURCES`
  const known = Object.entries(kinds).filter(([, kind]) => kind.labels)
  const kind = chosen(name, `${key}[${index}]`, 'label source', Object.fromEntries(known))
  if (name === 'disk_filelist') {
    const found = labelPath(options, index)
    requireFile(found)
    return { type: 'files', paths: [found.path].flat() as string[] }
  }
  if (name === 'synthetic') return { type: 'zero' }
  if (dataSource === name && kind.labels) return { type: 'source', source: index }
  throw new VisslError(
    ExitCode.usage,
    `${key}[${index}] is ${name}, but images come from ${dataSource}: these labels belong to that source`,
    `set it to ${dataSource}, or to disk_filelist with LABEL_PATHS`,
  )
}

/** The label files of source `index`. */
function labelPath(options: ResolveOptions, index: number): Found {
  const { split, splitName, catalog = datasetCatalog } = options
  const key = `DATA.${splitName}.LABEL_PATHS`
  const set = `set config.${key}=[PATH]`
  const given = split.LABEL_PATHS?.[index]
  if (given !== undefined && given.length > 0)
    return usable({ path: given, from: `${key}[${index}]`, fix: set })
  const name = split.DATASET_NAMES?.[index]
  const explicit = split.DATA_PATHS[index] !== undefined
  if (name !== undefined && (!explicit || catalog.has(name))) {
    const found = catalogPath(options, index, name, 1, set)
    if (found !== undefined) return usable(found)
  }
  throw new VisslError(
    ExitCode.usage,
    `DATA.${splitName}.LABEL_SOURCES[${index}] asks for a list of labels, and none is given`,
    set,
  )
}
