import type { Tensor } from '../engine/index.ts'
import { alone, type ProcessGroup, type Reduction } from './process-group.ts'

export { largestOf } from './agreement.ts'
export { type JoinOptions, joinGroup, type Rendezvous } from './c10d-group.ts'
export { type RankEnvironment, rankEnvironment, slurmNode } from './environment.ts'
export { averageGradients, type GradientAveraging } from './gradient-averaging.ts'
export { alone, type ProcessGroup, type Reduction } from './process-group.ts'

export { broadcastText } from './text.ts'

let world: ProcessGroup = alone

/** All processes of the run. */
export const worldGroup = (): ProcessGroup => world

/** Makes a group the run's; `alone` when the run ends. */
export function setWorldGroup(group: ProcessGroup): void {
  world = group
}

/** This process's place in the run, from 0. */
export const rank = (): number => world.rank

/** Number of processes of the run. */
export const worldSize = (): number => world.size

/** See {@link ProcessGroup.gather}, over all processes of the run. */
export const gather = (tensor: Tensor): Tensor => world.gather(tensor)

/** See {@link ProcessGroup.allReduce}, over all processes of the run. */
export const allReduce = (tensor: Tensor, reduction: Reduction): void => world.allReduce(tensor, reduction)

/** See {@link ProcessGroup.broadcast}, over all processes of the run. */
export const broadcast = (tensor: Tensor, root = 0): void => world.broadcast(tensor, root)

/** See {@link ProcessGroup.barrier}, over all processes of the run. */
export const barrier = (): void => world.barrier()
