import type { Tensor } from '../../engine/index.ts'
import type { Module } from '../../nn/index.ts'
import { Head, type HeadInput } from '../head.ts'

/** Heads one after another that count as one; they are called `0`, `1`, …. */
export class HeadChain extends Head {
  readonly #heads: readonly Head[]

  constructor(heads: readonly Head[]) {
    super()
    this.#heads = heads
  }

  override *namedChildren(): Generator<[string, Module]> {
    for (const [i, head] of this.#heads.entries()) yield [String(i), head]
  }

  override forward(input: HeadInput): Tensor | Tensor[] {
    return runChain(this.#heads, input)
  }
}

/** Feeds each head with the output of the one before. */
export function runChain(heads: Iterable<Head>, input: HeadInput): Tensor | Tensor[] {
  let x: HeadInput = input
  for (const head of heads) x = head.call(x)
  return x as Tensor | Tensor[]
}
