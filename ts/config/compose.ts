import { applyOverride } from './apply.ts'
import { type Choice, choose } from './choose.ts'
import { ineffectiveKeys } from './ineffective.ts'
import { defaultTree, type Extensions } from './listed.ts'
import { defaultConfigDirs, type LocatedFile, loadOption } from './locate.ts'
import { errorOf, mistakeOf } from './mistake.ts'
import { describeOrigin, Origins, originOf } from './origins.ts'
import { relationMistakes } from './relations.ts'
import { isMoved, movedPath, relocated } from './relocate.ts'
import { removedPaths, removePaths } from './removed.ts'
import type { Config, RootConfig } from './schema/index.ts'
import { getAt, mergeAt, mergeInto, type Path, type Tree, visitLeaves } from './tree.ts'
import { unknownKeys } from './unknown.ts'
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
 * Composes a configuration: defaults, the base file, overlays, then values of the command line. What an override removed
 * is not there; inference puts defaults in its place where no rule needs it.
 *
 * @throws VisslError (usage) with all mistakes: unknown files and keys, values of a wrong type, keys that do not fit
 */
export function composeConfig(request: ComposeRequest): ComposedConfig {
  const { tree, checked, origins, warnings, configPath, configName } = composeTree(request)
  if (!checked.ok) throw errorOf(checked.mistakes)
  const { root } = checked
  const mistakes = relationMistakes(root.config, origins)
  if (mistakes.length > 0) throw errorOf(mistakes)
  const removed = removedPaths(origins.defaults, tree)
  removePaths(root as unknown as Tree, removed)
  const notes = removed.map((path) => `${path.join('.')} was removed; where it is needed, its default counts`)
  return { config: root.config, root, origins, warnings: [...warnings, ...notes], configPath, configName }
}

/**
 * Like {@link composeConfig}, but values of a wrong type are left in the tree and reported in `checked`.
 *
 * @throws VisslError for unknown files and keys
 */
export function composeTree(request: ComposeRequest): Composition {
  const { cwd, extensions = {}, configDirs = defaultConfigDirs(cwd) } = request
  const choices = choose(request.overrides ?? [], request.config, configDirs)
  const mistakes = [...choices.mistakes]
  const load = ({ group, option, package: place }: Choice): LocatedFile[] => {
    try {
      return [loadOption(group, option, configDirs, cwd, place)]
    } catch (error) {
      mistakes.push(mistakeOf(error))
      return []
    }
  }
  const { base, overlays, values } = choices
  const [baseFile] = base === undefined ? [] : load(base)
  const overlayFiles = overlays.flatMap(load)
  if (base === undefined || baseFile === undefined || overlayFiles.length < overlays.length)
    throw errorOf(mistakes)

  const tree = defaultTree(extensions)
  const origins = new Origins(tree)
  const composing: Composing = { tree, origins, warnings: [], files: new Map() }
  for (const file of [baseFile, ...overlayFiles]) mergeFile(composing, file, extensions)
  for (const override of values) {
    const mistake = applyOverride(tree, origins, override, extensions)
    if (mistake !== undefined) mistakes.push(mistake)
  }
  const checked = check(tree, origins, composing.files, extensions)
  if (mistakes.length > 0) throw errorOf([...mistakes, ...(checked.ok ? [] : checked.mistakes)])
  return {
    tree,
    origins,
    warnings: [
      ...composing.warnings,
      ...interpolations(composing),
      ...ineffectiveKeys(tree, origins, extensions),
    ],
    configPath: baseFile.name,
    configName: base.option.replace(/\.yaml$/, ''),
    checked,
  }
}

/** What is written while composing. */
interface Composing {
  readonly tree: Tree
  readonly origins: Origins
  readonly warnings: string[]
  readonly files: Map<string, YamlFile>
}

function mergeFile(
  { tree, origins, warnings, files }: Composing,
  file: LocatedFile,
  extensions: Extensions,
): void {
  files.set(file.name, file)
  const { defaults, ...own } = file.tree
  const at = (path: Path): string => {
    const { line, column } = file.positionOf(path)
    return `${file.name}:${line}:${column}`
  }
  if (defaults !== undefined) warnings.push(`${at(['defaults'])}  the list "defaults" is ignored`)
  const content: Tree = {}
  mergeAt(content, file.package, own)
  const { tree: moved, doubled } = relocated(content)
  for (const [ours, other] of doubled) {
    warnings.push(`${at(other)}  ${other.join('.')} is ignored, ${ours.join('.')} is given as well`)
  }
  /** Where the file gives what stands at a path of the tree. */
  const inFile = (path: Path): Path =>
    (getAt(content, path) === undefined ? movedPath(path) : path).slice(file.package.length)
  for (const { path, near } of unknownKeys(moved, extensions)) {
    if (isMoved(path)) continue
    const meant = near.length > 0 ? `; did you mean ${near.join(' or ')}?` : ''
    warnings.push(`${at(inFile(path))}  ${path.join('.')} is not a known key${meant}`)
  }
  mergeInto(tree, moved)
  origins.merged([], moved, (path) => ({ kind: 'file', file: file.name, ...file.positionOf(inFile(path)) }))
}

/** The reference never fills in `${…}`; who writes it hardly knows. */
function interpolations({ tree, origins }: Composing): string[] {
  const warnings: string[] = []
  visitLeaves(tree, (path, value) => {
    if (typeof value !== 'string' || !value.includes('${')) return
    const key = path.join('.')
    warnings.push(
      `${describeOrigin(originOf(origins, key))}  ${key}: ${value} is kept as it is written, not filled in`,
    )
  })
  return warnings
}
