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

/** @throws VisslError when set-up has not run or its record is unreadable */
export function libtorchRecord(): LibtorchRecord {
  const path = process.env.VISSL_LIBTORCH_RECORD ?? `${nativeFolder}libtorch.json`
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch {
    throw new VisslError(ExitCode.environment, 'libtorch is not set up yet', 'run: npm run setup')
  }
  try {
    return JSON.parse(text) as LibtorchRecord
  } catch (error) {
    throw new VisslError(ExitCode.environment, `${path} is damaged`, 'run: npm run setup', { cause: error })
  }
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
      throw new VisslError(
        ExitCode.environment,
        actual === undefined ? `libtorch is gone: ${path}` : `${path} has ${actual} bytes instead of ${size}`,
        'run: npm run setup',
      )
    }
  }
  const loading = host<Loading>()
  const other = loading.loadedLibrary('libtorch_cpu.so')
  const ours = record.files.find((file) => file.path.endsWith('/libtorch_cpu.so'))
  if (other !== null && ours !== undefined && statSync(other).ino !== statSync(ours.path).ino) {
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
      throw new VisslError(
        ExitCode.environment,
        `libtorch does not load: ${(error as Error).message}`,
        'run: npm run setup',
        {
          cause: error,
        },
      )
    }
  }
}
