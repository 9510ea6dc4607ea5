import type { z } from 'zod'
import { Registry } from '../../registry.ts'

/** A picture before `ToTensor`: H×W×C bytes, row by row, pixels interleaved; C is 1 (gray) or 3 (RGB). */
export interface Picture {
  readonly kind: 'image'
  readonly width: number
  readonly height: number
  readonly channels: 1 | 3
  readonly data: Uint8Array
}

/** A tensor after `ToTensor`: C×H×W, or T×C×H×W of patches, row-major. */
export interface TensorValue {
  readonly kind: 'tensor'
  readonly shape: readonly number[]
  readonly data: Float32Array
}

export type TransformValue = Picture | TensorValue

/** Numbers that follow from seed, epoch, sample, view and place in the list alone. */
export interface TransformRandom {
  /** Uniform in [0, 1). */
  unit(): number
  /** Uniform in [low, high). */
  uniform(low: number, high: number): number
  /** A whole number in [0, count). */
  below(count: number): number
}

/** Parameters of an entry of `TRANSFORMS`, without `name` and `indices`. */
export type TransformParams = Readonly<Record<string, unknown>>

/**
 * Changes one entry of a sample. It may change `data` in place and return its argument.
 *
 * @throws anything; the batch fails with its message and the sample's name
 */
export type TransformFunction = (
  value: TransformValue,
  random: TransformRandom,
) => TransformValue | Promise<TransformValue>

/** What a module exports: checks the parameters and gives the transform. Called once in every worker. */
export type TransformFactory = (params: TransformParams) => TransformFunction | Promise<TransformFunction>

/** Where a part that runs in workers is found: it cannot cross threads itself. */
export interface ScriptModule {
  /** URL or absolute path; `import.meta.url` of the module that registers and exports it. */
  readonly module: string | URL
  /** Name of the export; default `default`. */
  readonly export?: string
}

/** What a registration of a transform holds. */
export interface RegisteredTransform extends ScriptModule {
  /** Checks the parameters before the run begins; the factory is given the result. Without it they go there as they are. */
  readonly params?: z.ZodType
}

/**
 * Transforms that are written in TypeScript, by their name in `TRANSFORMS`. They run in Node workers, between the native
 * steps before and after them.
 */
export const transforms: Registry<RegisteredTransform> = new Registry('transform')

/** Makes the `TransformFactory` that a module exports known under a name. @throws VisslError when the name is taken */
export function registerTransform(name: string, at: RegisteredTransform): void {
  transforms.register(name, at)
}
