import { accessSync, constants, existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { stringify } from 'yaml'
import { fileError, MAKE_FOLDER, writeFileWhole } from './files.ts'
import { FileLog } from './log.ts'
import { MetricsFile, type MetricsRow, PhaseMetricsFile } from './metrics.ts'
import type { RunInfo } from './run-info.ts'
import { EventFile } from './tensorboard/event-file.ts'

/** The file with a run's configuration. */
export const TRAIN_CONFIG = 'train_config.yaml'

/** Which folder a run gets. */
export interface RunFolderRequest {
  /** The folder itself; made where it is missing, gone on with where it exists. */
  readonly dir?: string | undefined
  /** Without `dir`: the folder is `runs/NAME-N` with the next free N. Slashes become dashes. */
  readonly name: string
  readonly cwd: string
}

/**
 * The folder of a run: `log.txt`, `metrics.jsonl`, `metrics.json`, `stdout.json`, `train_config.yaml`, `run.json` and checkpoints.
 * Files are opened when they are first used.
 */
export class RunFolder {
  /** Absolute. */
  readonly path: string
  #log: FileLog | undefined
  #metrics: MetricsFile | undefined
  #phases: PhaseMetricsFile | undefined
  #stdout: MetricsFile | undefined
  #events: EventFile | undefined

  private constructor(path: string) {
    this.path = path
  }

  /** @throws VisslError (environment) when the folder cannot be made or written to */
  static create(request: RunFolderRequest): RunFolder {
    const { dir, name, cwd } = request
    const path = dir === undefined ? nextFree(resolve(cwd, 'runs'), name) : ensure(resolve(cwd, dir))
    return RunFolder.open(path)
  }

  /** An existing folder. @throws VisslError (environment) when it cannot be written to */
  static open(path: string): RunFolder {
    try {
      accessSync(path, constants.W_OK | constants.X_OK)
    } catch (error) {
      throw fileError('write to', path, error)
    }
    return new RunFolder(resolve(path))
  }

  /** The newest `runs/NAME-N`, or `undefined` when there is none. */
  static latest(name: string, cwd: string): string | undefined {
    const runs = resolve(cwd, 'runs')
    const number = highest(runs, slug(name))
    return number === 0 ? undefined : join(runs, `${slug(name)}-${number}`)
  }

  get name(): string {
    return basename(this.path)
  }

  file(...names: string[]): string {
    return join(this.path, ...names)
  }

  /** A folder within; made where it is missing. */
  folder(name: string): string {
    return ensure(join(this.path, name))
  }

  get log(): FileLog {
    this.#log ??= new FileLog(this.file('log.txt'))
    return this.#log
  }

  get metrics(): MetricsFile {
    this.#metrics ??= new MetricsFile(this.file('metrics.jsonl'))
    return this.#metrics
  }

  get phaseMetrics(): PhaseMetricsFile {
    this.#phases ??= new PhaseMetricsFile(this.file('metrics.json'))
    return this.#phases
  }

  /** Rows of a type that earlier processes wrote to `metrics.jsonl`; lines that cannot be read are left out. */
  readMetrics(type: string): MetricsRow[] {
    const path = this.file('metrics.jsonl')
    if (!existsSync(path)) return []
    return readFileSync(path, 'utf8')
      .split('\n')
      .flatMap((line) => rowOf(line, type))
  }

  /** `stdout.json`: VISSL's progress lines as JSON, one a line. */
  get stdout(): MetricsFile {
    this.#stdout ??= new MetricsFile(this.file('stdout.json'))
    return this.#stdout
  }

  /** The folder of TensorBoard's files. */
  get tensorboard(): string {
    return this.file('tb_logs')
  }

  /** TensorBoard's event file; it is made at the first event. */
  get events(): EventFile {
    this.#events ??= new EventFile(this.tensorboard)
    return this.#events
  }

  /**
   * Writes `train_config.yaml`: the configuration in force, as a file that `config=` accepts.
   *
   * @param comments lines at its top
   */
  writeConfig(config: object, comments: readonly string[] = []): void {
    const text = stringify({ config }, { version: '1.1', lineWidth: 110, aliasDuplicateObjects: false })
    const head = ['@package _global_', ...comments].map((line) => `# ${line}\n`).join('')
    writeFileWhole(this.file(TRAIN_CONFIG), head + text)
  }

  /** Writes `run.json`. */
  writeInfo(info: RunInfo): void {
    writeFileWhole(this.file('run.json'), `${JSON.stringify(info, null, 2)}\n`)
  }

  close(): void {
    this.#log?.close()
    this.#metrics?.close()
    this.#phases?.close()
    this.#stdout?.close()
    this.#events?.close()
  }
}

function rowOf(line: string, type: string): MetricsRow[] {
  if (!line.includes(`"type":"${type}"`)) return []
  try {
    return [JSON.parse(line) as MetricsRow]
  } catch {
    return []
  }
}

function ensure(path: string): string {
  try {
    makeFolder(path)
  } catch (error) {
    throw fileError(MAKE_FOLDER, path, error)
  }
  return path
}

/** Makes a folder and those above it. Node's own `recursive` never returns where a file system refuses new folders. */
function makeFolder(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) return
  if (!existsSync(dirname(path))) makeFolder(dirname(path))
  try {
    mkdirSync(path)
  } catch (error) {
    if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) throw error
  }
}

function slug(name: string): string {
  return name.replaceAll(/[^\w.-]+/g, '-').replaceAll(/^[-.]+|-+$/g, '') || 'run'
}

function highest(runs: string, name: string): number {
  if (!existsSync(runs)) return 0
  const numbers = readdirSync(runs).map((entry) => {
    const rest = entry.startsWith(`${name}-`) ? entry.slice(name.length + 1) : ''
    return /^\d+$/.test(rest) ? Number(rest) : 0
  })
  return Math.max(0, ...numbers)
}

/** Takes the number by making the folder, so that two runs started together get different ones. */
function nextFree(runs: string, name: string): string {
  ensure(runs)
  for (let number = highest(runs, slug(name)) + 1; ; number++) {
    const path = join(runs, `${slug(name)}-${number}`)
    try {
      mkdirSync(path)
      return path
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw fileError(MAKE_FOLDER, path, error)
    }
  }
}
