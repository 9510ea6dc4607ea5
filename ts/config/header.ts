import { ExitCode, VisslError } from '../errors.ts'
import { isValidPackage } from './override.ts'
import type { Path } from './tree.ts'

/**
 * Where the keys of a file are put, by Hydra 1.0's rules: the root, unless the comment `# @package NAME` in its first
 * lines or `group@NAME=option` names a place. `_global_` is the root, `_group_` the file's folder, `_name_` its name.
 *
 * @param option folder and name below the search folder, without extension: `config/a/b`
 * @param chosen the package of the command line, which counts more than the comment
 * @throws VisslError for a comment that cannot be read
 */
export function packageOf(text: string, shown: string, option: string, chosen?: string): Path {
  const name = chosen ?? declared(text, shown)
  if (name === undefined || name === '_global_') return []
  const cut = option.lastIndexOf('/')
  const place = name
    .replaceAll('_group_', option.slice(0, Math.max(0, cut)))
    .replaceAll('/', '.')
    .replaceAll('_name_', option.slice(cut + 1))
  return place === '' ? [] : place.split('.')
}

/** The package that the comments in a file's first lines name. */
function declared(text: string, shown: string): string | undefined {
  let found: string | undefined
  for (const [i, raw] of text.split('\n').entries()) {
    const line = raw.trim()
    if (line === '') continue
    if (!/^#\s*@/.test(line)) break
    const [key, value, ...more] = line.replace(/^#+/, '').trim().split(/\s+/)
    if (key === '@package') found = value
    const isKnown = value !== undefined && more.length === 0
    if (isKnown && (key !== '@package' || isValidPackage(value))) continue
    throw new VisslError(
      ExitCode.usage,
      `${shown}:${i + 1}:1  "${line}" is no directive`,
      'write  # @package _global_  or take it away',
    )
  }
  return found
}
