import type { Tensor } from '../../ts/engine/index.ts'

/** The elements as plain numbers. */
export function flat(tensor: Tensor): number[] {
  return Array.from(tensor.toTypedArray(), Number)
}

/** Largest difference relative to the largest expected magnitude. */
export function distance(got: ArrayLike<number | bigint>, expected: ArrayLike<number | bigint>): number {
  if (got.length !== expected.length) return Number.POSITIVE_INFINITY
  let scale = 1e-30
  let worst = 0
  for (let i = 0; i < expected.length; i++) scale = Math.max(scale, Math.abs(Number(expected[i])))
  for (let i = 0; i < expected.length; i++) {
    const difference = Math.abs(Number(got[i]) - Number(expected[i]))
    if (!(difference <= worst)) worst = difference
  }
  return worst / scale
}
