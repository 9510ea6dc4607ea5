import { getAt, isTree, mergeAt, mergeInto, type Path, type Tree } from './tree.ts'

/** Keys that VISSL 0.1.6 moved: its path, and that of 0.1.5, which is ours; below `config`. */
const MOVED: readonly (readonly [Path, Path])[] = (
  [
    ['HOOKS.PERF_STATS.MONITOR_PERF_STATS', 'MONITOR_PERF_STATS'],
    ['HOOKS.PERF_STATS.PERF_STAT_FREQUENCY', 'PERF_STAT_FREQUENCY'],
    ['HOOKS.PERF_STATS.ROLLING_BTIME_FREQ', 'ROLLING_BTIME_FREQ'],
    ['HOOKS.TENSORBOARD_SETUP', 'TENSORBOARD_SETUP'],
    ['HOOKS.MODEL_COMPLEXITY', 'MODEL.MODEL_COMPLEXITY'],
    ...['RESNETS', 'EFFICIENT_NETS', 'REGNET', 'VISION_TRANSFORMERS', 'XCIT', 'CONVIT'].map(
      (name) => [`MODEL.TRUNK.${name}`, `MODEL.TRUNK.TRUNK_PARAMS.${name}`] as const,
    ),
    ['CLUSTERFIT.NUM_ITER', 'CLUSTERFIT.N_ITER'],
    ['IMG_RETRIEVAL.TRAIN_PCA_WHITENING', 'IMG_RETRIEVAL.SHOULD_TRAIN_PCA_OR_WHITENING'],
  ] as const
).map(([moved, ours]) => [`config.${moved}`.split('.'), `config.${ours}`.split('.')])

/** The path as VISSL 0.1.5 has it. */
export function relocatedPath(path: Path): Path {
  for (const [moved, ours] of MOVED) {
    if (path.length >= moved.length && moved.every((part, i) => part === path[i])) {
      return [...ours, ...path.slice(moved.length)]
    }
  }
  return path
}

/** The path as VISSL 0.1.6 has it, where a file may have given the value. */
export function movedPath(path: Path): Path {
  for (const [moved, ours] of MOVED) {
    if (path.length >= ours.length && ours.every((part, i) => part === path[i])) {
      return [...moved, ...path.slice(ours.length)]
    }
  }
  return path
}

/** Whether VISSL 0.1.6 keeps something at the path that is elsewhere in 0.1.5, or holds such things. */
export function isMoved(path: Path): boolean {
  return MOVED.some(([moved]) => {
    const length = Math.min(path.length, moved.length)
    return length > 2 && moved.slice(0, length).every((part, i) => part === path[i])
  })
}

/**
 * A file's tree in which what VISSL 0.1.6 moved stands where 0.1.5 has it as well. Where a file gives both, that of
 * 0.1.5 counts.
 *
 * @returns the tree, and what is given twice: pairs of the path that counts and the one that does not
 */
export function relocated(tree: Tree): { tree: Tree; doubled: (readonly [Path, Path])[] } {
  const given = MOVED.filter(([moved]) => getAt(tree, moved) !== undefined)
  if (given.length === 0) return { tree, doubled: [] }
  const result: Tree = {}
  const doubled: (readonly [Path, Path])[] = []
  for (const [moved, ours] of given) {
    const value = getAt(tree, moved)!
    const existing = getAt(tree, ours)
    if (existing !== undefined && !(isTree(existing) && isTree(value))) doubled.push([ours, moved])
    mergeAt(result, ours, value)
  }
  mergeInto(result, tree)
  return { tree: result, doubled }
}
