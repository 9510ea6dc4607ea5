import { ExitCode, VisslError } from '../../errors.ts'

export interface PermutationOptions {
  /** Permutations to choose. */
  count: number
  /** Patches, 2 to 9. */
  patches: number
  /** What the next permutation has most of: mean or least distance to those chosen. */
  method: 'max_avg' | 'max_min'
  /** The first permutation, 0 to patches! − 1 in lexicographic order. */
  first: number
}

/** Permutations of patches that lie far apart. */
export interface PermutationSet {
  /** Count × patches, row by row, patches counted from 0. */
  rows: Int32Array
  /** Hamming distances between two of the set, in patches. */
  meanDistance: number
  minDistance: number
}

/**
 * The permutations that the jigsaw task tells apart (Noroozi and Favaro 2016): beginning with one, each next one is
 * that with the greatest Hamming distance to those chosen; of equals the first in lexicographic order.
 *
 * @throws VisslError when there are not so many permutations
 */
export function distantPermutations({ count, patches, method, first }: PermutationOptions): PermutationSet {
  const wrong = (what: string, fix: string) => new VisslError(ExitCode.usage, what, fix)
  if (!Number.isInteger(patches) || patches < 2 || patches > 9)
    throw wrong(`permutations of ${patches} patches are not made`, 'give 2 to 9 patches')
  const total = factorial(patches)
  if (!Number.isInteger(count) || count < 2 || count > total)
    throw wrong(`${count} permutations of ${patches} patches cannot be chosen`, `give 2 to ${total}`)
  if (!Number.isInteger(first) || first < 0 || first >= total)
    throw wrong(`there is no permutation number ${first}`, `give 0 to ${total - 1}`)
  const all = allPermutations(patches, total)
  /** Sum of the distances to those chosen, or the least of them; −1 of what was chosen itself. */
  const score = new Int32Array(total).fill(method === 'max_min' ? patches : 0)
  const rows = new Int32Array(count * patches)
  let sum = 0
  let least = patches
  let next = first
  for (let chosen = 0; chosen < count; chosen++) {
    const row = all.subarray(next * patches, (next + 1) * patches)
    rows.set(row, chosen * patches)
    for (let other = 0; other < chosen; other++) {
      const distance = differing(rows, other * patches, row)
      sum += distance
      least = Math.min(least, distance)
    }
    score[next] = -1
    next = 0
    let best = -1
    for (let i = 0; i < total; i++) {
      if (score[i]! < 0) continue
      const distance = differing(all, i * patches, row)
      score[i] = method === 'max_min' ? Math.min(score[i]!, distance) : score[i]! + distance
      if (score[i]! > best) {
        best = score[i]!
        next = i
      }
    }
  }
  return { rows, meanDistance: sum / ((count * (count - 1)) / 2), minDistance: least }
}

function differing(all: Uint8Array | Int32Array, at: number, row: Uint8Array): number {
  let distance = 0
  for (let i = 0; i < row.length; i++) if (all[at + i] !== row[i]) distance++
  return distance
}

/** The number of permutations. */
export const factorial = (n: number): number => (n < 2 ? 1 : n * factorial(n - 1))

/** In lexicographic order. */
function allPermutations(size: number, total: number): Uint8Array {
  const all = new Uint8Array(total * size)
  const row = Uint8Array.from({ length: size }, (_, i) => i)
  for (let at = 0; at < total; at++) {
    all.set(row, at * size)
    let i = size - 2
    while (i >= 0 && row[i]! > row[i + 1]!) i--
    if (i < 0) break
    let j = size - 1
    while (row[j]! < row[i]!) j--
    ;[row[i], row[j]] = [row[j]!, row[i]!]
    row.subarray(i + 1).reverse()
  }
  return all
}
