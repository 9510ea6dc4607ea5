import { noGrad, type Tensor } from '../engine/index.ts'

/**
 * Writes rows into a ring of rows, going on where the last write ended.
 *
 * @param ring M×D (a transposed view is fine), changed in place
 * @param pointer int64[1], the row to be written next, changed in place
 * @param rows G×D; M is a multiple of G
 */
export function enqueue(ring: Tensor, pointer: Tensor, rows: Tensor): void {
  noGrad(() => {
    const length = ring.shape[0]!
    const count = rows.shape[0]!
    const at = pointer.item()
    ring.narrow(0, at, count).copy_(rows)
    pointer.fill_((at + count) % length)
  })
}
