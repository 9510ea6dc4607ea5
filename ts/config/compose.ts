import { ExitCode, VisslError } from '../errors.ts'
import { applyOverride, unknownKeys } from './apply.ts'
import { defaultTree, type Extensions } from './known.ts'
import { defaultConfigDirs, isGroup, listOptions, loadOption } from './locate.ts'
import { errorOf, type Mistake } from './mistake.ts'
import { Origins } from './origins.ts'
import { type Override, parseOverride } from './override.ts'
import type { Config, RootConfig } from './schema/index.ts'
import { mergeInto, type Tree } from './tree.ts'
import { type Checked, check } from './validate.ts'
import type { YamlFile } from './yaml.ts'

/** What to compose. */
export interface ComposeRequest {
  /** The base, as in `config=NAME`; an override `config=NAME` goes before it. */
  readonly config?: string | undefined
  /** Overrides as on the command line; overlays are applied before values. */
  readonly overrides?: readonly string[]
  /** Folder that relative paths, and `configs/`, belong to. */
  readonly cwd: string
  /** Folders to search, the first hit wins; the working folder's `configs/` and the package's when not given. */
  readonly configDirs?: readonly string[]
  readonly extensions?: Extensions
}

/** A composed tree, not yet accepted. */
export interface Composition {
  /** All keys with defaults filled in; values may be of any type. */
  readonly tree: Tree
  readonly origins: Origins
  readonly warnings: string[]
  /** The base's file, as shown in messages. */
  readonly configPath: string
  /** The base as named: `pretrain/simclr/simclr_8node_resnet`. */
  readonly configName: string
  readonly checked: Checked
}

/** A composed and checked configuration. */
export interface ComposedConfig {
  readonly config: Config
  /** The keys beside `config`. */
  readonly root: RootConfig
  readonly origins: Origins
  readonly warnings: string[]
  readonly configPath: string
  readonly configName: string
}

/**
 * Composes a configuration: defaults, the base file, overlays, then values of the command line.
 *
 * @throws VisslError (usage) with all mistakes: unknown files and keys, values of a wrong type
 */
export function composeConfig(request: ComposeRequest): ComposedConfig {
  const { checked, origins, warnings, configPath, configName } = composeTree(request)
  if (!checked.ok) throw errorOf(checked.mistakes)
  return { config: checked.root.config, root: checked.root, origins, warnings, configPath, configName }
}

/**
 * Like {@link composeConfig}, but values of a wrong type are left in the tree and reported in `checked`.
 *
 * @throws VisslError for unknown files and keys
 */
export function composeTree(request: ComposeRequest): Composition {
  const { cwd, extensions = {}, configDirs = defaultConfigDirs(cwd) } = request
  const { base, overlays, values } = sort(request, configDirs)
  const tree = defaultTree(extensions)
  const origins = new Origins(tree)
  const warnings: string[] = []
  const files = new Map<string, YamlFile>()

  const merge = (file: YamlFile): void => {
    files.set(file.name, file)
    const { defaults, ...content } = file.tree
    if (defaults !== undefined) warnings.push(`${file.name}: the list "defaults" is ignored`)
    for (const { path, near } of unknownKeys(content, extensions)) {
      const { line, column } = file.positionOf(path)
      const meant = near.length > 0 ? `; did you mean ${near.join(' or ')}?` : ''
      warnings.push(`${file.name}:${line}:${column}  ${path.join('.')} is not a known key${meant}`)
    }
    mergeInto(tree, content)
    origins.merged([], content, (path) => ({ kind: 'file', file: file.name, ...file.positionOf(path) }))
  }
  const baseFile = loadOption('config', base, configDirs, cwd)
  merge(baseFile)
  for (const [group, option] of overlays) merge(loadOption(group, option, configDirs, cwd))

  const mistakes = values
    .map((override) => applyOverride(tree, origins, override, extensions))
    .filter((mistake) => mistake !== undefined)
  const checked = check(tree, origins, files, extensions)
  if (mistakes.length > 0) throw errorOf([...mistakes, ...(checked.ok ? [] : checked.mistakes)])
  return {
    tree,
    origins,
    warnings,
    configPath: baseFile.name,
    configName: base.replace(/\.yaml$/, ''),
    checked,
  }
}

interface Sorted {
  base: string
  /** Overlays in order: group → option. */
  overlays: Map<string, string>
  values: Override[]
}

/** Tells files from values. */
function sort(request: ComposeRequest, dirs: readonly string[]): Sorted {
  let base = request.config
  const overlays = new Map<string, string>()
  const values: Override[] = []
  const mistakes: Mistake[] = []
  for (const text of request.overrides ?? []) {
    let override: Override
    try {
      override = parseOverride(text)
    } catch (error) {
      if (!(error instanceof VisslError)) throw error
      mistakes.push({ message: error.message, fix: error.fix ?? '' })
      continue
    }
    if (override.key.startsWith('hydra.')) continue
    if (!override.key.includes('/') && override.key !== 'config') {
      values.push(override)
      continue
    }
    if (
      override.key === 'config' &&
      (typeof override.value === 'string' || typeof override.value === 'number')
    ) {
      base = String(override.value)
      continue
    }
    const mistake = overlay(override, overlays, dirs)
    if (mistake !== undefined) mistakes.push(mistake)
  }
  if (mistakes.length > 0) throw errorOf(mistakes)
  if (base === undefined || base === '') {
    throw new VisslError(
      ExitCode.usage,
      'no configuration is chosen',
      `write  config=NAME  with one of: ${listOptions('config', dirs).join(', ')}`,
    )
  }
  return { base, overlays, values }
}

function overlay(
  override: Override,
  overlays: Map<string, string>,
  dirs: readonly string[],
): Mistake | undefined {
  const { key, mode, text, value } = override
  if (mode === 'delete') {
    const option = overlays.get(key)
    if (option !== undefined && (value === undefined || String(value) === option)) {
      overlays.delete(key)
      return undefined
    }
    return { message: `${text}: no such overlay was added before`, fix: 'remove this argument' }
  }
  if (typeof value !== 'string' && typeof value !== 'number') {
    return { message: `${text}: the name of one file is expected`, fix: `write  +${key}=NAME` }
  }
  if (mode === 'set' && !overlays.has(key)) {
    return {
      message: `${text}: nothing of ${key} was chosen before`,
      fix: `to add an overlay write  +${text}`,
    }
  }
  if (!isGroup(key, dirs)) {
    return { message: `${text}: there is no folder ${key} in ${dirs.join(', ')}`, fix: 'correct the path' }
  }
  overlays.set(key, String(value))
  return undefined
}
