import { define, deleteAt, getAt, isTree, type Path, type Tree } from './tree.ts'

/** Paths of the defaults that a composed tree lacks, because an override removed them. */
export function removedPaths(defaults: Tree, tree: Tree, path: Path = []): Path[] {
  return Object.entries(defaults).flatMap(([key, value]) => {
    const below = [...path, key]
    const existing = getAt(tree, [key])
    if (existing === undefined) return [below]
    return isTree(value) && isTree(existing) ? removedPaths(value, existing, below) : []
  })
}

/** Takes paths out of a tree. */
export function removePaths(tree: Tree, paths: readonly Path[]): void {
  for (const path of paths) deleteAt(tree, path)
}

/** Puts defaults where a tree lacks them, or has null for a block. */
export function fillIn(tree: Tree, defaults: Tree): void {
  for (const [key, value] of Object.entries(defaults)) {
    const existing = getAt(tree, [key])
    const isEmpty = existing === undefined || (existing === null && isTree(value))
    if (isEmpty) define(tree, key, structuredClone(value))
    else if (isTree(existing) && isTree(value)) fillIn(existing, value)
  }
}
