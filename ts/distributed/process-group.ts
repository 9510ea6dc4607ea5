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
  /**
   * Averages the gradients of `parameters` over the group while the backward pass runs. All processes give the same
   * parameters in the same order, and each takes part in every backward pass.
   *
   * @param bucketMiB gradients are exchanged in buckets of this size
   * @returns a function to be called before each backward pass whose gradients are to be averaged
   */
  averageGradients(parameters: readonly Tensor[], bucketMiB: number): () => void
  /**
   * A group of some of the processes; every process of this group calls it with the same lists, in the same order.
   *
   * @param ranks one list for each new group; each rank is in one of them
   * @returns the group that this process is in
   */
  split(ranks: readonly (readonly number[])[]): ProcessGroup
}

/** A run of one process: every collective is the identity. */
export const alone: ProcessGroup = {
  rank: 0,
  size: 1,
  gather: (tensor) => tensor,
  allReduce: () => {},
  broadcast: () => {},
  barrier: () => {},
  averageGradients: () => () => {},
  split: () => alone,
}
