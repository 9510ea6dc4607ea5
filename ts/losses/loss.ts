import type { z } from 'zod'
import type { Tensor } from '../engine/index.ts'
import { ExitCode, VisslError } from '../errors.ts'
import { Module, parseParams } from '../nn/index.ts'
import { Registry } from '../registry.ts'

/** What is known of a run before its first step; a loss checks against it what it needs. */
export interface LossContext {
  /** Images of a batch of one process, views and crops not counted. */
  readonly batchSize: number
  /** Processes. */
  readonly worldSize: number
  /** Training images of all processes. */
  readonly samples: number
  /** Views or crops of an image in a batch. */
  readonly crops: number
  /** Whether a last, smaller batch is left out. */
  readonly dropLast: boolean
  /** Whether targets are labels (rather than indices of samples). */
  readonly labels: boolean
  /** Told what is doubtful but works. */
  readonly warn?: (message: string) => void
}

/**
 * A loss. Subclasses give `static key` (the name in `LOSS.name`), `static params` (a zod schema of the block
 * `LOSS.<key>`) and `forward`; the parsed parameters are in `this.params`.
 *
 * @typeParam P type of `this.params`: `z.output<typeof params>`. Left out, the parameters are unchecked by the
 * compiler (they are checked at run time all the same).
 *
 * @example
 * class Alignment extends Loss {
 *   static readonly key = 'alignment'
 *   static readonly params = z.object({ power: z.number().default(2) })
 *   forward(embeddings: Tensor): Tensor {
 *     const [a, b] = functional.normalize(embeddings).chunk(2) as [Tensor, Tensor]
 *     return a.sub(b).norm(2, [1]).pow(this.params.power).mean()
 *   }
 * }
 */
// biome-ignore lint/suspicious/noExplicitAny: lets a short loss of one's own leave the type of its parameters out
export abstract class Loss<P = any> extends Module {
  readonly params: P

  /** @throws VisslError when the parameters do not fit the schema */
  constructor(params: unknown = {}) {
    super()
    const kind = new.target as unknown as Partial<LossClass>
    if (typeof kind.key !== 'string' || kind.params === undefined) {
      throw new VisslError(
        ExitCode.usage,
        `the loss class ${new.target.name} lacks a static key or static params`,
        "add: static readonly key = 'my_loss'; static readonly params = z.object({})",
      )
    }
    this.params = parseParams(`loss "${kind.key}"`, kind.params, params) as P
  }

  /**
   * Says before the first step what would go wrong later: a batch too small, crops that do not match, missing labels.
   *
   * @throws VisslError that names the key to change
   */
  check?(context: LossContext): void

  /**
   * @param output what the model gave, a list of one already unwrapped
   * @param target labels, where the data has them
   * @returns a scalar
   */
  abstract override forward(output: Tensor | Tensor[], target?: Tensor): Tensor
}

/** A registrable loss. */
export interface LossClass {
  readonly key: string
  readonly params: z.ZodType
  new (params?: unknown): Loss
}

/** Losses by the name in `LOSS.name`. */
export const losses = new Registry<LossClass>('loss')
