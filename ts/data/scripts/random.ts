import type { TransformRandom } from './transform.ts'

/** A generator of its own for every call of a transform (xoshiro128**, Blackman and Vigna 2018). */
export function randomFrom(seed: readonly number[]): TransformRandom {
  let [a, b, c, d] = [seed[0]! | 0, seed[1]! | 0, seed[2]! | 0, seed[3]! | 0 || 1]
  const rotate = (x: number, by: number): number => (x << by) | (x >>> (32 - by))
  const next = (): number => {
    const result = Math.imul(rotate(Math.imul(b, 5), 7), 9)
    const t = b << 9
    c ^= a
    d ^= b
    b ^= c
    a ^= d
    c ^= t
    d = rotate(d, 11)
    return result >>> 0
  }
  const unit = (): number => ((next() >>> 5) * 67108864 + (next() >>> 6)) / 9007199254740992
  return {
    unit,
    uniform: (low, high) => low + (high - low) * unit(),
    below: (count) => Math.floor(unit() * count),
  }
}
