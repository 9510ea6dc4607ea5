import { totalmem } from 'node:os'
import { noGrad, ops, type Tensor } from '../engine/index.ts'
import { functional } from '../nn/index.ts'
import { lossError } from './messages.ts'

/**
 * N×D float32 of random embeddings, each element in ±√(3/D), so that their length is about 1.
 *
 * @throws VisslError naming the key when it would not fit into this machine's memory
 */
export function newMemory(loss: string, rows: number, dim: number, key: string): Tensor {
  requireMemory(loss, rows * dim * 4, key)
  const bound = 1 / Math.sqrt(dim / 3)
  return noGrad(() =>
    ops
      .rand([rows, dim])
      .mul_(2 * bound)
      .sub_(bound),
  )
}

/** @throws VisslError naming the key when `bytes` are more than this machine's memory */
export function requireMemory(loss: string, bytes: number, key: string): void {
  const total = totalmem()
  if (bytes < total) return
  const gib = (value: number) => (value / 2 ** 30).toFixed(1)
  throw lossError(
    loss,
    `its memory takes ${gib(bytes)} GiB, and this machine has ${gib(total)} GiB`,
    `make config.LOSS.${loss}.${key} smaller, or use fewer images (DATA.TRAIN.DATA_LIMIT)`,
  )
}

/**
 * Moves rows of a memory towards new embeddings and scales them to length 1: m ← (a·m + (1−a)·v)/‖·‖. When a row is
 * named twice the last one counts.
 *
 * @param memory N×D, changed in place
 * @param rows B int64
 * @param values B×D
 */
export function updateMemory(memory: Tensor, rows: Tensor, values: Tensor, momentum: number): void {
  noGrad(() => {
    const old = memory.index_select(0, rows)
    const mixed = old.mul(momentum).add(values.to(memory.dtype).mul(1 - momentum))
    memory.index_copy_(0, rows, functional.normalize(mixed))
  })
}
