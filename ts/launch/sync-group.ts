import type { Config } from '../config/index.ts'
import { type ProcessGroup, worldGroup } from '../distributed/index.ts'

/**
 * The processes that share their batch statistics, by `SYNC_BN_CONFIG.GROUP_SIZE`: 0 all, −1 those of one machine, else
 * so many with consecutive ranks (what remains is a smaller group). Every process of the run calls it.
 */
export function syncGroup({ MODEL, DISTRIBUTED }: Config): ProcessGroup {
  const group = worldGroup()
  const { GROUP_SIZE } = MODEL.SYNC_BN_CONFIG
  const size = GROUP_SIZE < 0 ? DISTRIBUTED.NUM_PROC_PER_NODE : GROUP_SIZE === 0 ? group.size : GROUP_SIZE
  return size >= group.size ? group : group.split(groupsOf(group.size, size))
}

/** Ranks 0 to `count` − 1 in lists of `size`. */
export function groupsOf(count: number, size: number): number[][] {
  const groups = Array.from({ length: Math.ceil(count / size) }, (): number[] => [])
  for (let rank = 0; rank < count; rank++) groups[Math.floor(rank / size)]!.push(rank)
  return groups
}
