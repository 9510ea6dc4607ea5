import { isSame, isTree, type Path, type Tree, type Value } from './tree.ts'

/** A key whose value differs; `undefined` on the side that has no such key. */
export interface Difference {
  readonly path: string
  readonly left: Value | undefined
  readonly right: Value | undefined
}

/**
 * Compares two configurations key by key. Lists of maps or lists are compared by element where they
 * have one length, others as a whole. NaN equals itself, and the order of keys does not matter.
 */
export function diffTrees(left: Tree, right: Tree): Difference[] {
  const found: Difference[] = []
  const visit = (a: Value | undefined, b: Value | undefined, path: Path): void => {
    if (isTree(a) && isTree(b)) {
      for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
        visit(own(a, key), own(b, key), [...path, key])
      }
    } else if (isNested(a) && isNested(b) && a.length === b.length) {
      for (const [i, element] of a.entries()) visit(element, b[i], [...path, String(i)])
    } else if (!isSame(a, b)) found.push({ path: path.join('.'), left: a, right: b })
  }
  visit(left, right, [])
  return found
}

function own(tree: Tree, key: string): Value | undefined {
  return Object.hasOwn(tree, key) ? tree[key] : undefined
}

/** Lists whose elements are worth naming: transforms, heads, schedules. */
function isNested(value: Value | undefined): value is Value[] {
  return Array.isArray(value) && value.some((item) => typeof item === 'object' && item !== null)
}
