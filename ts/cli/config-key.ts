import { allKeys, type Extensions, getAt, outlineAt, type Tree } from '../config/index.ts'
import { relocatedPath } from '../config/relocate.ts'
import { didYouMean, ExitCode, VisslError } from '../errors.ts'

/**
 * Path of a key that is given with or without `config.` in front, of any place that the schema or the tree knows; where
 * VISSL 0.1.6 moved a key, either place.
 *
 * @throws VisslError (usage) when there is none
 */
export function pathOf(tree: Tree, key: string, extensions: Extensions = {}): string[] {
  if (key === '') throw new VisslError(ExitCode.usage, 'the key is empty', 'write  OPTIMIZER.num_epochs')
  for (const full of [key, `config.${key}`]) {
    const path = [...relocatedPath(full.split('.'))]
    if (getAt(tree, path) !== undefined || isListed(path, extensions)) return path
  }
  const near = nearKeys(key, [...allKeys(extensions)])
  throw new VisslError(
    ExitCode.usage,
    `there is no key ${key}`,
    near.length > 0
      ? `did you mean  ${near.join('  or  ')} ?`
      : '`vissl config show config=NAME` prints all keys',
  )
}

function isListed(path: readonly string[], extensions: Extensions): boolean {
  return (outlineAt(path, extensions)?.kind ?? 'any') !== 'any'
}

/** Keys that may be meant: misspelt as a whole, or named by their last part alone. */
function nearKeys(key: string, keys: readonly string[]): string[] {
  const ending = keys.filter((known) => known.toLowerCase().endsWith(`.${key.toLowerCase()}`))
  if (ending.length > 0) return ending.slice(0, 3)
  const near = didYouMean(key.startsWith('config.') ? key : `config.${key}`, keys)
  if (near.length > 0 && key.includes('.')) return near
  const last = (known: string) => known.slice(known.lastIndexOf('.') + 1)
  const names = new Set(didYouMean(last(key), keys.map(last)))
  const same = keys.filter((known) => names.has(last(known)))
  return same.length > 0 ? same.slice(0, 3) : near
}
