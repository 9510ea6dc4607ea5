import { didYouMean } from '../errors.ts'
import { allKeys, type Extensions, isOpenAt, keysAt, outlineAt } from './listed.ts'
import { getAt, isTree, type Path, type Tree } from './tree.ts'

/** Keys that may be meant by one that does not exist: near ones beside it, or of the same name elsewhere. */
export function nearKeys(tree: Tree, path: Path, extensions: Extensions): string[] {
  for (let length = path.length - 1; length >= 0; length--) {
    const parent = path.slice(0, length)
    const value = getAt(tree, parent)
    if (value === undefined) continue
    const keys = [...new Set([...(isTree(value) ? Object.keys(value) : []), ...keysAt(parent, extensions)])]
    const siblings = didYouMean(path[length]!, keys)
    if (siblings.length > 0)
      return siblings.map((name) => [...parent, name, ...path.slice(length + 1)].join('.'))
    break
  }
  const all = allKeys(extensions)
  const last = path.at(-1)!.toLowerCase()
  const same = all.filter((key) => key.slice(key.lastIndexOf('.') + 1).toLowerCase() === last)
  const suffix = `.${path.join('.').toLowerCase()}`
  const ending = same.filter((key) => key.toLowerCase().endsWith(suffix))
  return (ending.length > 0 ? ending : same).slice(0, 3)
}

/** Keys of a file that the schema does not list where only listed keys are expected, with what may be meant. */
export function unknownKeys(file: Tree, extensions: Extensions = {}): { path: Path; near: string[] }[] {
  const found: { path: Path; near: string[] }[] = []
  const name = getAt(file, ['config', 'LOSS', 'name'])
  const visit = (tree: Tree, path: Path): void => {
    const keys = keysAt(path, extensions)
    const open = path.length === 0 ? false : isOpenAt(path, extensions)
    for (const [key, value] of Object.entries(tree)) {
      const full = [...path, key]
      const outline = outlineAt(full, extensions)
      if (outline !== undefined) {
        if (isTree(value) && outline.kind !== 'any') visit(value, full)
        continue
      }
      const near = didYouMean(key, keys).map((candidate) => [...path, candidate].join('.'))
      const isChosenLoss = path.join('.') === 'config.LOSS' && key === name
      if (!isChosenLoss && (!open || near.length > 0)) found.push({ path: full, near })
    }
  }
  visit(file, [])
  return found
}
