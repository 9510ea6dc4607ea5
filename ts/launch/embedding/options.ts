import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ExitCode, VisslError } from '../../errors.ts'

/** What to train, and how. */
export interface TrainOptions {
  /** Name of a configuration, or path of its YAML file. Default with `data`: settings chosen for the folder. */
  readonly config?: string
  /**
   * Folder of images to train on, in place of the configuration's own. Batch, crops and epochs are fitted to it as far
   * as `overrides` do not say; nothing is tested meanwhile, since the test images belong to the configuration's data.
   */
  readonly data?: string
  /** Values as on the command line: `config.OPTIMIZER.num_epochs=5`. Later ones go before earlier ones. */
  readonly overrides?: readonly string[]
  /** Modules whose exported losses, trunks, heads, optimizers and hooks can be named: paths, or `file:` URLs. */
  readonly plugins?: readonly (string | URL)[]
  /** Folder that relative paths belong to, and where `runs/` is. Default: the app's working folder. */
  readonly cwd?: string
  /** Goes on with a run: its folder, a checkpoint, or `auto` for the newest of this configuration. */
  readonly resume?: string
  /** Stops the run when it is aborted: it saves, and `done` is rejected with the signal's reason. */
  readonly signal?: AbortSignal
}

const known: Readonly<Record<keyof TrainOptions, true>> = {
  config: true,
  data: true,
  overrides: true,
  plugins: true,
  cwd: true,
  resume: true,
  signal: true,
}

/** In front of a folder's images: what belongs to the data of the configuration. */
const OWN_DATA = [
  'config.DATA.TEST.DATA_SOURCES=[]',
  'config.DATA.TEST.DATASET_NAMES=[]',
  'config.TEST_MODEL=false',
  'config.EVALUATION.KNN.ENABLED=false',
]

/** The command line that the training process is given, and where it works. */
export interface TrainerCommand {
  readonly args: readonly string[]
  readonly cwd: string
}

/**
 * Checks what an app asks for.
 *
 * @throws VisslError (usage) for values of a wrong kind, and for those that cannot cross to another process
 */
export function trainerCommand(options: TrainOptions): TrainerCommand {
  if (typeof options !== 'object' || options === null) throw wrong('options', options, 'an object')
  const stranger = Object.keys(options).find((key) => !Object.hasOwn(known, key))
  if (stranger !== undefined) {
    throw new VisslError(
      ExitCode.usage,
      `train has no option ${stranger}`,
      `its options: ${Object.keys(known).join(', ')}; values of the configuration belong into overrides`,
    )
  }
  const { data, resume } = options
  const config = text('config', options.config)
  const cwd = resolve(text('cwd', options.cwd) ?? '.')
  requireFolder(cwd)
  const folder = text('data', data) === undefined ? undefined : resolve(cwd, data!)
  if (config === undefined && folder === undefined) {
    throw new VisslError(
      ExitCode.usage,
      'train needs a config or data',
      "write  train({ data: './photos' })  or  train({ config: 'quickstart' })",
    )
  }
  return {
    cwd,
    args: [
      'train',
      ...(folder === undefined ? [] : [folder]),
      ...(config === undefined ? [] : [chosenConfig(config, cwd)]),
      ...(config === undefined || folder === undefined ? [] : OWN_DATA),
      ...list('overrides', options.overrides).map(overrideOf),
      ...list('plugins', options.plugins).map((plugin, at) => `--plugin=${pluginOf(plugin, at, cwd)}`),
      ...(text('resume', resume) === undefined ? [] : [`--resume=${resume}`]),
    ],
  }
}

/** A name as it is; the path of a file in quotes, since it may hold what the grammar of overrides gives a meaning. */
function chosenConfig(config: string, cwd: string): string {
  const isPath = /^\.{0,2}[/\\]|^[a-z]:[/\\]/i.test(config) || isFile(resolve(cwd, config))
  return isPath ? `config='${resolve(cwd, config).replaceAll("'", "\\'")}'` : `config=${config}`
}

function overrideOf(value: unknown, at: number): string {
  if (typeof value !== 'string') throw wrong(`overrides[${at}]`, value, 'a text like config.KEY=VALUE')
  if (/^[+~]|^[^-./][^=]*=/.test(value)) return value
  throw new VisslError(ExitCode.usage, `overrides[${at}] is "${value}"`, 'write  config.KEY=VALUE')
}

function pluginOf(value: unknown, at: number, cwd: string): string {
  if (value instanceof URL && value.protocol === 'file:') return fileURLToPath(value)
  if (typeof value === 'string') {
    return value.startsWith('file:') ? fileURLToPath(value) : resolve(cwd, value)
  }
  throw new VisslError(
    ExitCode.usage,
    `plugins[${at}] is ${describe(value)}, which cannot cross to the training process`,
    'export it from a module, and give the path of that module',
  )
}

/** Training is another process: only what can be written down reaches it. */
function describe(value: unknown): string {
  if (typeof value === 'function') {
    const kind = /^class\b/.test(Function.prototype.toString.call(value)) ? 'class' : 'function'
    return value.name === '' ? `a ${kind}` : `the ${kind} ${value.name}`
  }
  if (value === null || value === undefined) return String(value)
  if (typeof value !== 'object') return `the ${typeof value} ${String(value)}`
  const kind: unknown = value.constructor
  return typeof kind === 'function' && kind !== Object ? `an instance of ${kind.name}` : 'an object'
}

function text(name: string, value: unknown): string | undefined {
  if (value === undefined) return undefined
  if (typeof value === 'string' && value !== '') return value
  throw wrong(name, value, 'a text')
}

function list(name: string, value: unknown): readonly unknown[] {
  if (value === undefined) return []
  if (Array.isArray(value)) return value
  throw wrong(name, value, 'a list')
}

const wrong = (name: string, value: unknown, wanted: string): VisslError =>
  new VisslError(
    ExitCode.usage,
    `${name} is ${value === '' ? 'empty' : describe(value)}, not ${wanted}`,
    `give ${wanted}`,
  )

function requireFolder(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) return
  throw new VisslError(
    ExitCode.usage,
    `cwd is ${path}, which is no folder`,
    'give the folder in which to train',
  )
}

const isFile = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isFile() === true
