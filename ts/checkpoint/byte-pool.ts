/** Gives memory of so many bytes, with any content. */
export type TakeBytes = (bytes: number) => Uint8Array<ArrayBuffer>

export const freshBytes: TakeBytes = (bytes) => new Uint8Array(bytes)

/** Below this many bytes new memory is as good. */
const SMALL = 1 << 14

/**
 * Memory that one checkpoint after another uses. The system gives fresh memory page by page at the first touch, which
 * takes several times as long as copying a state into memory that is there.
 */
export class BytePool {
  readonly #free = new Map<number, Uint8Array<ArrayBuffer>[]>()
  #taken: Uint8Array<ArrayBuffer>[] = []

  readonly take: TakeBytes = (bytes) => {
    if (bytes < SMALL) return freshBytes(bytes)
    const memory = this.#free.get(bytes)?.pop() ?? freshBytes(bytes)
    this.#taken.push(memory)
    return memory
  }

  /** Everything that was taken may be given out again. */
  release(): void {
    for (const memory of this.#taken) {
      const same = this.#free.get(memory.length)
      if (same === undefined) this.#free.set(memory.length, [memory])
      else same.push(memory)
    }
    this.#taken = []
  }
}
