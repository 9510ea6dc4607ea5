import type { z } from 'zod'
import { noGrad, scope, type Tensor } from '../engine/index.ts'
import { parseParams } from '../nn/params.ts'
import { sumOverProcesses } from './collect.ts'
import type { Meter, MeterState, MeterValue } from './meter.ts'
import { Outputs, topKParams } from './outputs.ts'
import { percent } from './round.ts'

/** Counts of one output, whose quotients are the measures. */
interface Counts {
  /** One for each k. */
  readonly hits: number[]
  /** Samples, or right answers, whichever the meter divides by. */
  readonly of: number[]
}

/**
 * A meter that compares each sample's k best classes with the right ones. Outputs are N×C scores; the target holds N
 * (or N×1) class numbers, or N×C zeros and ones where several classes may be right.
 */
export abstract class TopKMeter implements Meter {
  static readonly params = topKParams

  readonly name: string
  readonly #settings: z.output<typeof topKParams>
  readonly #outputs: Outputs
  #synced: Counts[] = []
  #own: Counts[] = []

  constructor(name: string, params: unknown) {
    this.name = name
    this.#settings = parseParams(`meter "${name}"`, topKParams, params)
    this.#outputs = new Outputs(name, this.#settings)
    this.reset()
  }

  /**
   * Counts one batch.
   *
   * @param hits N×k: whether each of the k best classes, best first, is right
   * @param right number of right classes of all samples together
   * @returns how often the measure was met, and of how many
   */
  protected abstract count(hits: Tensor, right: number): { hits: number; of: number }

  update(outputs: readonly Tensor[], target: Tensor): void {
    this.#outputs.check(outputs)
    const { topk_values } = this.#settings
    const depth = Math.max(...topk_values)
    noGrad(() =>
      scope(() => {
        for (const [i, scores] of outputs.entries()) {
          const [, classes] = scores.shape
          if (scores.shape.length !== 2 || classes! < depth) {
            throw this.#outputs.unfit(i, scores, `top-${depth} needs N×C with at least ${depth} classes`)
          }
          const [, best] = scores.topk(depth, 1)
          const [hits, right] = compare(best, target, classes!)
          const own = this.#own[i]!
          for (const [j, k] of topk_values.entries()) {
            const counted = this.count(hits.narrow(1, 0, k), right)
            own.hits[j]! += counted.hits
            own.of[j]! += counted.of
          }
        }
      }),
    )
  }

  sync(): void {
    const total = sumOverProcesses(this.#own.flatMap(({ hits, of }) => [...hits, ...of]))
    this.#synced = this.#add(this.#synced, this.#unpack(total))
    this.#own = this.#zeros()
  }

  value(): MeterValue {
    const result: MeterValue = {}
    const counts = this.#add(this.#synced, this.#own)
    for (const [j, k] of this.#settings.topk_values.entries()) {
      const values: MeterValue[string] = {}
      for (const [i, { hits, of }] of counts.entries()) {
        const name = this.#outputs.name(i)
        const value = of[j] === 0 ? 0 : percent(Math.fround(hits[j]! / of[j]!))
        const before = values[name]
        if (before === undefined) values[name] = value
        else if (typeof before === 'number') values[name] = [before, value]
        else before.push(value)
      }
      result[`top_${k}`] = values
    }
    return result
  }

  reset(): void {
    this.#synced = this.#zeros()
    this.#own = this.#zeros()
  }

  stateDict(): MeterState {
    const flat = (counts: Counts[]) => counts.flatMap(({ hits, of }) => [...hits, ...of])
    return { synced: flat(this.#synced), own: flat(this.#own) }
  }

  loadStateDict({ synced = [], own = [] }: Readonly<MeterState>): void {
    this.#synced = this.#unpack(synced)
    this.#own = this.#unpack(own)
  }

  #zeros(): Counts[] {
    return this.#unpack([])
  }

  /** Undoes `flatMap(({ hits, of }) => [...hits, ...of])`; what is missing is 0. */
  #unpack(flat: readonly number[]): Counts[] {
    const ks = this.#settings.topk_values.length
    const at = (from: number) => Array.from({ length: ks }, (_, j) => flat[from + j] ?? 0)
    return Array.from({ length: this.#outputs.count }, (_, i) => ({
      hits: at(2 * i * ks),
      of: at((2 * i + 1) * ks),
    }))
  }

  #add(a: readonly Counts[], b: readonly Counts[]): Counts[] {
    const sum = (x: readonly number[], y: readonly number[]) => x.map((value, j) => value + y[j]!)
    return a.map(({ hits, of }, i) => ({ hits: sum(hits, b[i]!.hits), of: sum(of, b[i]!.of) }))
  }
}

/** Which of the best classes are right, and how many right classes there are. */
function compare(best: Tensor, target: Tensor, classes: number): [hits: Tensor, right: number] {
  const { shape } = target
  const numbers = shape.length === 1 || (shape.length === 2 && shape[1] === 1 && classes > 1)
  if (numbers) return [best.eq(target.reshape([-1, 1])), shape[0]!]
  const right = target.ne(0)
  return [right.gather(1, best), right.sum().item()]
}
