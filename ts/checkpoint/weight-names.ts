/** A tensor's name and shape. */
export type NamedShape = readonly [name: string, shape: readonly number[]]

/** What to cut off the front of a file's names, and what to put there, so that they are a model's. */
export interface PrefixRule {
  readonly remove: string
  readonly append: string
  /** Entries that then have the same name and shape. */
  readonly matches: number
}

/**
 * Finds the prefixes under which most entries of a file are entries of the model.
 *
 * @returns undefined when no entry has the end of its name and its shape in common with one of the model
 */
export function findPrefixes(
  model: readonly NamedShape[],
  file: readonly NamedShape[],
): PrefixRule | undefined {
  const bySuffix = new Map<string, string[]>()
  for (const [name, shape] of model) {
    for (const [append, rest] of splits(name)) {
      const key = keyOf(rest, shape)
      bySuffix.set(key, [...(bySuffix.get(key) ?? []), append])
    }
  }
  const votes = new Map<string, PrefixRule>()
  for (const [name, shape] of file) {
    for (const [remove, rest] of splits(name)) {
      for (const append of bySuffix.get(keyOf(rest, shape)) ?? []) {
        const key = `${remove}\n${append}`
        votes.set(key, { remove, append, matches: (votes.get(key)?.matches ?? 0) + 1 })
      }
    }
  }
  // Of rules that match equally well, the one that changes least.
  const length = ({ remove, append }: PrefixRule) => remove.length + append.length
  return [...votes.values()].sort((a, b) => b.matches - a.matches || length(a) - length(b))[0]
}

const keyOf = (name: string, shape: readonly number[]): string => `${name}:${shape.join(',')}`

/** Every way to cut a dotted name in two: `a.b` gives ['', 'a.b'] and ['a.', 'b']. */
function splits(name: string): [front: string, rest: string][] {
  const result: [string, string][] = [['', name]]
  for (let at = name.indexOf('.'); at !== -1; at = name.indexOf('.', at + 1)) {
    result.push([name.slice(0, at + 1), name.slice(at + 1)])
  }
  return result
}
