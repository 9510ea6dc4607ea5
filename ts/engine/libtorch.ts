import { readFileSync, statSync } from 'node:fs'
import { ExitCode, VisslError } from '../errors.ts'
import { host, nativeFolder } from './host.ts'

/** The libtorch release this package is built for. */
export const LIBTORCH_VERSION = '2.13.0'

/** What set-up records about the libtorch it found or fetched. */
export interface LibtorchRecord {
  version: string
  /** Where it came from, in words. */
  source: string
  /** Absolute paths in the order in which they must be loaded. */
  preload: string[]
  /** Sizes in bytes at set-up, to tell a truncated library, which would kill the process. */
  files: { path: string; size: number }[]
}

interface Loading {
  loadLibrary(path: string): void
  loadedLibrary(name: string): string | null
}

/** The environment's `VISSL_LIBTORCH_RECORD`, or where set-up puts it. */
const recordPath = (): string => process.env.VISSL_LIBTORCH_RECORD || `${nativeFolder}libtorch.json`

function unusable(message: string, cause?: unknown): VisslError {
  const isGiven = Boolean(process.env.VISSL_LIBTORCH_RECORD)
  const fix = `${isGiven ? 'unset VISSL_LIBTORCH_RECORD, or ' : ''}run: npm run setup`
  return new VisslError(ExitCode.environment, message, fix, { cause })
}

/** @throws VisslError when set-up has not run or its record is unreadable */
export function libtorchRecord(): LibtorchRecord {
  const path = recordPath()
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    throw unusable(`libtorch is not set up yet: there is no ${path}`, error)
  }
  let record: unknown
  try {
    record = JSON.parse(text)
  } catch (error) {
    throw unusable(`${path} is damaged`, error)
  }
  if (!isRecord(record)) throw unusable(`${path} is damaged`)
  return record
}

function isRecord(value: unknown): value is LibtorchRecord {
  if (typeof value !== 'object' || value === null) return false
  const { version, preload, files } = value as Partial<LibtorchRecord>
  return (
    typeof version === 'string' &&
    Array.isArray(preload) &&
    preload.every((path) => typeof path === 'string') &&
    Array.isArray(files) &&
    files.every((file) => typeof file?.path === 'string' && typeof file.size === 'number')
  )
}

/**
 * Loads libtorch into the process, once.
 *
 * @throws VisslError when it is absent, of another version, truncated, or another copy is loaded already
 */
export function loadLibtorch(): void {
  const record = libtorchRecord()
  if (record.version.split('+')[0] !== LIBTORCH_VERSION) {
    throw new VisslError(
      ExitCode.environment,
      `libtorch ${record.version} is set up, but this version of vissl needs ${LIBTORCH_VERSION}`,
      'unset LIBTORCH or point it at a matching release, then run: npm run setup',
    )
  }
  for (const { path, size } of record.files) {
    const actual = statSync(path, { throwIfNoEntry: false })?.size
    if (actual !== size) {
      throw unusable(
        actual === undefined ? `libtorch is gone: ${path}` : `${path} has ${actual} bytes instead of ${size}`,
      )
    }
  }
  const loading = host<Loading>()
  const other = loading.loadedLibrary('libtorch_cpu.so')
  const ours = record.files.find((file) => file.path.endsWith('/libtorch_cpu.so'))
  if (other !== null && ours !== undefined && !isSameFile(other, ours.path)) {
    throw new VisslError(
      ExitCode.environment,
      `another libtorch is loaded in this process already: ${other}`,
      'load only one of them in a process',
    )
  }
  for (const path of record.preload) {
    try {
      loading.loadLibrary(path)
    } catch (error) {
      throw unusable(`libtorch does not load: ${(error as Error).message}`, error)
    }
  }
}

function isSameFile(a: string, b: string): boolean {
  const [first, second] = [a, b].map((path) => statSync(path, { throwIfNoEntry: false }))
  return first !== undefined && first.ino === second?.ino && first.dev === second.dev
}
