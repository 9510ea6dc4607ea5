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

/** A generator that follows from some whole numbers; near ones give unlike generators (MurmurHash3, A. Appleby). */
export function randomOf(...numbers: readonly number[]): TransformRandom {
  const words = [0, 1, 2, 3].map((lane) => {
    let hash = Math.imul(lane + 1, 0x9e3779b9)
    for (const number of numbers) {
      hash = Math.imul(mix(hash ^ mix(number | 0)), 5) + 0xe6546b64
      hash = mix(hash ^ Math.floor(number / 4294967296))
    }
    return mix(hash)
  })
  return randomFrom(words)
}

function mix(word: number): number {
  let hash = word
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return hash ^ (hash >>> 16)
}

/** The numbers from 0 to `count` − 1 in an order that is drawn (Fisher and Yates). */
export function permutation(count: number, random: TransformRandom): Uint32Array {
  const order = Uint32Array.from({ length: count }, (_, i) => i)
  for (let i = count - 1; i > 0; i--) {
    const j = random.below(i + 1)
    const swapped = order[i]!
    order[i] = order[j]!
    order[j] = swapped
  }
  return order
}
