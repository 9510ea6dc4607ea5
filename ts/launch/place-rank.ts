import { join, relative } from 'node:path'
import { broadcastText, worldGroup } from '../distributed/index.ts'
import { RunFolder } from '../logging/index.ts'
import type { RunPlace } from './resume.ts'

/** Where the other processes of a run keep their logs, inside its folder. */
const RANKS = 'ranks'

/**
 * The first process chooses the place, the others learn of it. Each of them keeps its logs in a folder of its own
 * below: `ranks/rank1`.
 *
 * @param choose called in the first process only
 */
export function placeRank(choose: () => RunPlace): RunPlace {
  const group = worldGroup()
  if (group.size === 1) return choose()
  if (group.rank === 0) {
    const place = choose()
    const { folder, checkpoints, resumeFrom, isFinished } = place
    broadcastText(group, JSON.stringify({ path: folder.path, checkpoints, resumeFrom, isFinished }))
    return place
  }
  const { path, ...place } = JSON.parse(broadcastText(group, '')) as Omit<RunPlace, 'folder'> & {
    path: string
  }
  const folder = RunFolder.create({
    dir: join(path, RANKS, `rank${group.rank}`),
    name: relative(process.cwd(), path),
    cwd: path,
  })
  return { ...place, resumeFrom: place.resumeFrom, folder }
}
