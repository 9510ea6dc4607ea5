import { diffTrees } from './diff.ts'
import { type Extensions, outlineAt } from './listed.ts'
import { type Origins, originOf, placeOf } from './origins.ts'
import { insteadOf } from './schema/unused.ts'
import type { Path, Tree } from './tree.ts'

/** Warnings for keys that nothing reads and that are not what they are by default; one for a block of them. */
export function ineffectiveKeys(tree: Tree, origins: Origins, extensions: Extensions): string[] {
  const warnings = new Map<string, string>()
  for (const { path, left, right } of diffTrees(origins.defaults, tree)) {
    // Removed, an empty block, or switched off.
    if (right === undefined || right === null || (left === undefined && right === false)) continue
    const [marked, instead] = markedAbove(path.split('.'), extensions) ?? []
    if (marked === undefined || warnings.has(marked)) continue
    const place = placeOf(originOf(origins, path), path)
    warnings.set(marked, `${place}  ${path} has no effect: ${instead}`)
  }
  return [...warnings.values()]
}

/** The key, or the block around it, that is marked as unused, and what is said of it. */
function markedAbove(path: Path, extensions: Extensions): [string, string] | undefined {
  for (let length = 1; length <= path.length; length++) {
    const above = path.slice(0, length)
    const instead = insteadOf(outlineAt(above, extensions)?.description ?? '')
    if (instead !== undefined) return [above.join('.'), instead]
  }
  return undefined
}
