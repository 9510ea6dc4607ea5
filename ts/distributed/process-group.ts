import type { Tensor } from '../engine/index.ts'

/** How the values of all processes become one. */
export type Reduction = 'sum' | 'mean' | 'max' | 'min'

/**
 * Processes that train together. Every process of a group calls the same collectives in the same order; each call
 * waits for the others.
 */
export interface ProcessGroup {
  /** This process's place, from 0. */
  readonly rank: number
  /** Number of processes. */
  readonly size: number
  /**
   * The tensors of all processes, one after another along the first dimension, by rank. Gradients flow back to the
   * process that gave a tensor, summed over all processes. Shapes are equal in all of them.
   */
  gather(tensor: Tensor): Tensor
  /** Puts the reduced value in place of the tensor, in every process. No gradients. */
  allReduce(tensor: Tensor, reduction: Reduction): void
  /** Overwrites the tensor with that of process `root`. */
  broadcast(tensor: Tensor, root: number): void
  /** Returns when all processes have called it. */
  barrier(): void
}

/** A run of one process: every collective is the identity. */
export const alone: ProcessGroup = {
  rank: 0,
  size: 1,
  gather: (tensor) => tensor,
  allReduce: () => {},
  broadcast: () => {},
  barrier: () => {},
}
