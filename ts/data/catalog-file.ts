import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { ExitCode, VisslError } from '../errors.ts'
import { type CatalogRecord, type DatasetEntry, isPlaceholder, readCatalog } from './catalog.ts'

/** Whether the data of an entry can be read. */
export interface EntryState {
  /** `unset`: a placeholder stands for a path. */
  state: 'ready' | 'missing' | 'unset'
  /** Paths by split, or what is missing. */
  detail: string
}

/** Looks whether the paths of an entry are there. */
export function stateOf({ entry }: CatalogRecord): EntryState {
  const splits = Object.entries(entry)
  const paths = splits.flatMap(([, paths]) => paths)
  const unset = paths.find(isPlaceholder)
  if (unset !== undefined) return { state: 'unset', detail: [unset].flat().join(', ') }
  // A pattern of tar shards is a path only when it is expanded.
  const missing = paths.flat().find((path) => !path.includes('{') && !existsSync(path))
  if (missing !== undefined) return { state: 'missing', detail: `${missing} does not exist` }
  const detail = splits.map(([split, [first = '']]) => `${split}: ${[first].flat().join(', ')}`)
  return { state: 'ready', detail: detail.join('  ') }
}

/**
 * Adds the parts of a data set to a catalog file, which is made when it is not there. Other data sets and parts stay.
 *
 * @param force replace parts that are there
 * @throws VisslError when a path is missing, a part is there already, or the file cannot be read or written
 */
export function registerInFile(file: string, name: string, entry: DatasetEntry, force = false): void {
  const missing = Object.values(entry)
    .flat(2)
    .find((path) => !path.includes('{') && !existsSync(path))
  if (missing !== undefined)
    throw new VisslError(ExitCode.data, `${missing} does not exist`, 'give the path of the data')
  const all = new Map(existsSync(file) ? readCatalog(file) : [])
  const before = all.get(name) ?? {}
  const taken = Object.keys(entry).find(
    (split) => before[split] !== undefined && !before[split].every(isPlaceholder),
  )
  if (taken !== undefined && !force) {
    throw new VisslError(
      ExitCode.usage,
      `"${name}" has a ${taken} part in ${file}: ${before[taken]!.flat().join(', ')}`,
      'give --force to replace it, or take another name',
    )
  }
  all.set(name, { ...before, ...entry })
  const temporary = `${file}.${process.pid}.tmp`
  try {
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(temporary, `${JSON.stringify(Object.fromEntries(all), null, 2)}\n`, { flush: true })
    renameSync(temporary, file)
  } catch (error) {
    if (existsSync(temporary)) rmSync(temporary)
    throw new VisslError(
      ExitCode.environment,
      `${file} cannot be written: ${(error as Error).message}`,
      'choose another file with --file',
      { cause: error },
    )
  }
}
