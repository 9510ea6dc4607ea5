import type { z } from 'zod'
import type { Tensor } from '../../engine/index.ts'
import { Registry } from '../../registry.ts'
import type { TransformRandom } from './transform.ts'

/** The samples of a batch, stacked: one tensor for each source and view, as `default_collate` makes them. */
export interface CollatorTensors {
  /** float32, B×C×H×W each. */
  readonly data: readonly Tensor[]
  /** int64, B or B×K each; −1 where there is no label. Soft targets are float32, B×K. */
  readonly label: readonly Tensor[]
  /** int64, B each: indices of the samples. */
  readonly data_idx: readonly Tensor[]
  /** int64, B each: 1, or −1 where a gray image stands in for one that could not be decoded. */
  readonly data_valid: readonly Tensor[]
}

/**
 * A batch by key, as `INPUT_KEY_NAMES` and `TARGET_KEY_NAMES` name them: a list of tensors for each, in which an entry
 * may be a list of crops. The keys of {@link CollatorTensors} and any others.
 */
export type CollatedTensors = Readonly<Record<string, readonly (Tensor | readonly Tensor[])[]>>

/**
 * Makes the batch of the samples.
 *
 * @param random follows from seed, epoch, batch and process alone
 * @throws anything; training ends with its message and the names of collator, batch and samples
 */
export type Collate = (tensors: CollatorTensors, random: TransformRandom) => CollatedTensors

/** A collator that is written in TypeScript. It runs beside the train step, nothing recorded for backward. */
export interface CollatorKind<S extends z.ZodType = z.ZodType> {
  /** Of `COLLATE_FUNCTION_PARAMS`. */
  readonly params: S
  create(params: z.output<S>): Collate
}

/** Collators that are written in TypeScript, by their name in `COLLATE_FUNCTION`. */
export const scriptCollators: Registry<CollatorKind> = new Registry('collator')

/** Makes a collator known under a name. @throws VisslError when the name is taken */
export function registerCollator<S extends z.ZodType>(name: string, kind: CollatorKind<S>): void {
  scriptCollators.register(name, kind as unknown as CollatorKind)
}
