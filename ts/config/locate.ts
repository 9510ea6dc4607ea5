import { type Dirent, readdirSync, readFileSync, statSync } from 'node:fs'
import { join, relative, resolve, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { didYouMean, ExitCode, VisslError } from '../errors.ts'
import { packageOf } from './header.ts'
import type { Path } from './tree.ts'
import { parseYaml, type YamlFile } from './yaml.ts'

/** The configurations that come with the package. */
export const packageConfigs = fileURLToPath(new URL('../../configs', import.meta.url))

/** Largest file that is read, in bytes. */
const MAX_BYTES = 4 * 1024 * 1024

/** A configuration file, and where its keys are put. */
export interface LocatedFile extends YamlFile {
  readonly package: Path
}

/** Folders that are searched: the working folder's `configs/`, then the package's. The first hit wins. */
export function defaultConfigDirs(cwd: string): string[] {
  return [join(cwd, 'configs'), packageConfigs]
}

/** Whether a search folder holds a folder of that name, as `config/pretrain/simclr/models` is one. */
export function isGroup(group: string, dirs: readonly string[]): boolean {
  if (group.includes('.')) return false
  return dirs.some((dir) => statSync(join(dir, group), { throwIfNoEntry: false })?.isDirectory() === true)
}

/**
 * Finds and reads option `name` of a group: the file `GROUP/NAME.yaml` of the first search folder that has it. A name
 * that begins with `./` or `/` is the path of a file.
 *
 * @param group `config`, `config/pretrain/simclr/models`
 * @param name may hold slashes and may end in `.yaml`
 * @param place where its keys are put, if not where the file says
 * @throws VisslError that lists what there is; for files that are too large, no UTF-8 or no configuration
 */
export function loadOption(
  group: string,
  name: string,
  dirs: readonly string[],
  cwd: string,
  place?: string,
): LocatedFile {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: no file has them in its name, and NUL ends one
  if (/[\x00-\x1f]/.test(name)) {
    throw new VisslError(ExitCode.usage, `${group}=${JSON.stringify(name)} is no name of a file`)
  }
  const file = /^\.?\//.test(name) ? findPath(group, name, cwd) : find(group, name, dirs)
  const shown = relative(cwd, file.path)
  const outside = /^\.?\//.test(name) ? name : join('configs', file.option)
  const label = shown.startsWith('..') ? outside : shown
  const text = read(file.path, label)
  const option = file.option.replace(/\.ya?ml$/, '')
  return { ...parseYaml(text, label), package: packageOf(text, label, option, place) }
}

interface Found {
  readonly path: string
  /** Below a search folder, with extension. */
  readonly option: string
}

function find(group: string, name: string, dirs: readonly string[]): Found {
  if (name.split(/[/\\]/).includes('..')) {
    throw new VisslError(
      ExitCode.usage,
      `${group}=${name} leaves the folders that are searched`,
      `to name a file write  ${group}=./${name}`,
    )
  }
  const stem = name.replace(/\.ya?ml$/, '')
  const option = join(group, /\.ya?ml$/.test(name) ? name : `${name}.yaml`)
  for (const dir of dirs) {
    const path = join(dir, option)
    if (isFile(path)) return { path, option }
  }
  throw missing(group, stem, dirs)
}

function findPath(group: string, name: string, cwd: string): Found {
  const path = [resolve(cwd, name), resolve(cwd, `${name}.yaml`)].find(isFile)
  if (path !== undefined) return { path, option: join(group, path.slice(path.lastIndexOf(sep) + 1)) }
  throw new VisslError(
    ExitCode.usage,
    `there is no configuration file ${name}`,
    `correct the path in ${group}=${name}`,
  )
}

/** The text of a configuration file. */
export function read(path: string, shown: string): string {
  const bytes = statSync(path).size
  if (bytes > MAX_BYTES) {
    throw new VisslError(
      ExitCode.usage,
      `${shown} has ${bytes} bytes; a configuration has ${MAX_BYTES} at most`,
      'give the name of a configuration',
    )
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path))
  } catch (error) {
    if (!(error instanceof TypeError)) {
      throw new VisslError(ExitCode.usage, `${shown} cannot be read: ${(error as Error).message}`)
    }
    throw new VisslError(ExitCode.usage, `${shown} is no UTF-8 text`, 'save the file as UTF-8')
  }
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true
}

function missing(group: string, name: string, dirs: readonly string[]): VisslError {
  const options = listOptions(group, dirs)
  const inside = options.filter((option) => option.startsWith(`${name}/`))
  const near = inside.length > 0 ? [] : closest(name, options)
  const plus = group === 'config' ? '' : '+'
  const hint =
    inside.length > 0
      ? `; "${name}" is a folder`
      : near.length > 0
        ? `\n    did you mean  ${near.map((option) => `${plus}${group}=${option}`).join('  or  ')} ?`
        : ''
  const choices = inside.length > 0 ? inside : options
  return new VisslError(
    ExitCode.usage,
    `there is no configuration ${group}=${name}${hint}`,
    choices.length === 0 ? `no folder ${group} in ${dirs.join(', ')}` : `available: ${shortened(choices)}`,
  )
}

/** A list that fits a screen; names that are not in folders come first. */
function shortened(names: readonly string[]): string {
  const depth = (name: string): number => name.split('/').length
  const sorted = [...names].sort((a, b) => depth(a) - depth(b))
  return `${sorted.slice(0, 40).join(', ')}${names.length > 40 ? ` and ${names.length - 40} more` : ''}`
}

function closest(name: string, options: readonly string[]): string[] {
  const near = didYouMean(name, options)
  if (near.length > 0) return near
  const last = (option: string) => option.slice(option.lastIndexOf('/') + 1)
  const names = new Set(didYouMean(last(name), options.map(last)))
  return options.filter((option) => names.has(last(option))).slice(0, 3)
}

/** All options of a group, sorted. */
export function listOptions(group: string, dirs: readonly string[]): string[] {
  const options = new Set<string>()
  for (const dir of dirs) {
    for (const { path, entry } of entriesBelow(join(dir, group))) {
      if (!entry.isDirectory() && path.endsWith('.yaml')) options.add(path.slice(0, -'.yaml'.length))
    }
  }
  return [...options].sort()
}

/** All groups, sorted: `config`, `config/pretrain`, … */
export function listGroups(dirs: readonly string[]): string[] {
  const groups = new Set<string>()
  for (const dir of dirs) {
    for (const { path, entry } of entriesBelow(dir)) if (entry.isDirectory()) groups.add(path)
  }
  return [...groups].sort()
}

function entriesBelow(root: string, prefix = '', depth = 0): { path: string; entry: Dirent }[] {
  let entries: Dirent[]
  try {
    entries = readdirSync(join(root, prefix), { withFileTypes: true })
  } catch {
    return []
  }
  return entries.flatMap((entry) => {
    const path = prefix === '' ? entry.name : `${prefix}/${entry.name}`
    const below = entry.isDirectory() && depth < 16 ? entriesBelow(root, path, depth + 1) : []
    return [{ path, entry }, ...below]
  })
}
