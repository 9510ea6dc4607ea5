import type { ProcessGroup } from '../distributed/index.ts'
import { noGrad, ops, rngState, scope, type Tensor } from '../engine/index.ts'
import { ExitCode, VisslError } from '../errors.ts'
import type { Module, StateDict } from '../nn/index.ts'
import { fromStored, isDict, toStored } from './contents.ts'
import type { TorchValue } from './torch-file.ts'

/** What each process has of its own, of all processes together: the first dimension of every tensor is the rank. */
export interface RankState {
  readonly world_size: number
  readonly rng_state: TorchValue
  /** Queues and memories that differ between processes. */
  readonly loss: TorchValue
}

/**
 * Gathers what each process has of its own; every process of the group calls it.
 *
 * @returns undefined for a group of one, which has nothing that the rest of a checkpoint lacks
 */
export function gatherRankState(loss: Module, group: ProcessGroup): RankState | undefined {
  if (group.size === 1) return undefined
  return noGrad(() =>
    scope(() => {
      const stacked = (tensor: Tensor) => group.gather(tensor.unsqueeze(0))
      const own: StateDict = {}
      for (const [name, tensor] of Object.entries(loss.stateDict())) {
        if (tensor.numel > 0 && differs(tensor, group)) own[name] = stacked(tensor)
      }
      return { world_size: group.size, rng_state: toStored(stacked(rngState())), loss: toStored(own) }
    }),
  )
}

/** What a process gets back of its own. */
export interface OwnState {
  /** Tensors of the loss, to go before those of the first process. */
  readonly loss: StateDict
  readonly rngState: Tensor | undefined
}

/**
 * A process's own part of what was gathered.
 *
 * @param stored the file's `ranks`; undefined for a run of one process
 * @throws VisslError (data) when the file is of another number of processes and holds queues of each
 */
export function ownState(stored: TorchValue | undefined, group: ProcessGroup, path: string): OwnState {
  if (!isDict(stored)) return { loss: {}, rngState: undefined }
  const { world_size: size, rng_state: random, loss } = fromStored(stored) as Record<string, unknown>
  const all = loss as StateDict
  if (size !== group.size) {
    if (Object.keys(all).length === 0) return { loss: {}, rngState: undefined }
    throw new VisslError(
      ExitCode.data,
      `${path} was written by ${size} processes, each with its own ${Object.keys(all).join(', ')}, and this run has ${group.size}`,
      `go on with ${size} processes: config.DISTRIBUTED.NUM_NODES × NUM_PROC_PER_NODE`,
    )
  }
  const part = (tensor: Tensor) => tensor.select(0, group.rank).clone()
  const own = Object.fromEntries(Object.entries(all).map(([name, tensor]) => [name, part(tensor)]))
  return { loss: own, rngState: part(random as Tensor) }
}

/** Whether a tensor is not the same in all processes, by its bytes. */
function differs(tensor: Tensor, group: ProcessGroup): boolean {
  const sums = group.gather(checksum(tensor).unsqueeze(0))
  return !sums
    .eq(sums.narrow(0, 0, 1))
    .all()
    .item()
}

/** Two sums over the bytes, one of them weighted by their places. */
function checksum(tensor: Tensor): Tensor {
  const bytes = tensor.detach().contiguous().reshape([-1]).view('uint8').to('int64')
  const places = ops.arange(bytes.numel, { dtype: 'int64' }).remainder(65_521).add(1)
  return ops.stack([bytes.sum(), bytes.mul(places).sum()], 0)
}
