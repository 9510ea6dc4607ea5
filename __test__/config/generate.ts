/** Random numbers that are the same in every run (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

/** Runs a property on many seeds; VISSL_FUZZ multiplies their number. The seed of a failure is in its message. */
export function forSeeds(count: number, property: (random: () => number, seed: number) => void): void {
  const factor = Number(process.env.VISSL_FUZZ ?? 1)
  for (let seed = 1; seed <= count * factor; seed++) {
    try {
      property(randomOf(seed), seed)
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error })
    }
  }
}

export function pick<T>(random: () => number, items: readonly T[]): T {
  return items[Math.floor(random() * items.length)]!
}

export function many<T>(random: () => number, max: number, make: () => T): T[] {
  return Array.from({ length: Math.floor(random() * (max + 1)) }, make)
}
