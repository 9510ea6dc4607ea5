import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join, relative, resolve, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { didYouMean, ExitCode, VisslError } from '../errors.ts'
import { parseYaml, type YamlFile } from './yaml.ts'

/** The configurations that come with the package. */
export const packageConfigs = fileURLToPath(new URL('../../configs', import.meta.url))

/** Folders that are searched: the working folder's `configs/`, then the package's. The first hit wins. */
export function defaultConfigDirs(cwd: string): string[] {
  return [join(cwd, 'configs'), packageConfigs]
}

/** Whether a search folder holds a folder of that name, as `config/pretrain/simclr/models` is one. */
export function isGroup(group: string, dirs: readonly string[]): boolean {
  return dirs.some((dir) => statSync(join(dir, group), { throwIfNoEntry: false })?.isDirectory() === true)
}

/**
 * Finds and reads option `name` of a group: the file `GROUP/NAME.yaml` of the first search folder that has it. A name
 * that begins with `./`, `../` or `/` is the path of a file.
 *
 * @param group `config`, `config/pretrain/simclr/models`
 * @param name may hold slashes and may end in `.yaml`
 * @throws VisslError that lists what there is
 */
export function loadOption(group: string, name: string, dirs: readonly string[], cwd: string): YamlFile {
  if (/^\.{0,2}\//.test(name)) return loadPath(group, name, cwd)
  const stem = name.replace(/\.yaml$/, '')
  for (const dir of dirs) {
    const file = join(dir, group, `${stem}.yaml`)
    if (!isFile(file)) continue
    const shown = relative(cwd, file)
    return parseYaml(
      readFileSync(file, 'utf8'),
      shown.startsWith('..') ? join('configs', group, `${stem}.yaml`) : shown,
    )
  }
  throw missing(group, stem, dirs)
}

function loadPath(group: string, name: string, cwd: string): YamlFile {
  const file = [resolve(cwd, name), resolve(cwd, `${name}.yaml`)].find(isFile)
  if (file !== undefined) return parseYaml(readFileSync(file, 'utf8'), name)
  throw new VisslError(
    ExitCode.usage,
    `there is no configuration file ${name}`,
    `correct the path in ${group}=${name}`,
  )
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true
}

function missing(group: string, name: string, dirs: readonly string[]): VisslError {
  const options = listOptions(group, dirs)
  const inside = options.filter((option) => option.startsWith(`${name}/`))
  const near = inside.length > 0 ? [] : closest(name, options)
  const hint =
    inside.length > 0
      ? `; "${name}" is a folder`
      : near.length > 0
        ? `\n    did you mean  ${near.map((option) => `${group}=${option}`).join('  or  ')} ?`
        : ''
  const choices = inside.length > 0 ? inside : options
  return new VisslError(
    ExitCode.usage,
    `there is no configuration ${group}=${name}${hint}`,
    choices.length === 0
      ? `no folder ${group} in ${dirs.join(', ')}`
      : `available: ${choices.slice(0, 40).join(', ')}${choices.length > 40 ? ` and ${choices.length - 40} more` : ''}`,
  )
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
    const root = join(dir, group)
    if (!existsSync(root)) continue
    for (const entry of readdirSync(root, { recursive: true, encoding: 'utf8' })) {
      if (entry.endsWith('.yaml')) options.add(entry.slice(0, -'.yaml'.length).split(sep).join('/'))
    }
  }
  return [...options].sort()
}
