import { Registry } from '../../registry.ts'
import type { Picture, ScriptModule, TransformParams } from './transform.ts'

/**
 * A data source that is written in TypeScript. `length`, `label` and `classes` are asked for once, when the loader is
 * made; `load` in workers, each of which has an instance of its own.
 */
export interface ScriptSource {
  readonly length: number
  /** Classes by label. */
  readonly classes?: readonly string[]
  /** The label of a sample. Without this method the source has no labels. */
  label?(index: number): number
  /**
   * The bytes of an image file, or a picture.
   *
   * @throws anything; the sample counts as one that cannot be decoded, for that reason
   */
  load(index: number): Uint8Array | Picture | Promise<Uint8Array | Picture>
}

/** What a module exports. `path` is the entry of `DATA_PATHS`, `split` `TRAIN` or `TEST`. */
export type SourceFactory = (params: TransformParams & { path: string; split: string }) => ScriptSource

/** What a registration holds: where the factory is for workers, and itself for this thread. */
export interface RegisteredSource extends ScriptModule {
  readonly create: SourceFactory
}

/** Data sources that are written in TypeScript, by their name in `DATA_SOURCES`. */
export const scriptSources: Registry<RegisteredSource> = new Registry('data source')

/** Makes a source known under a name. @throws VisslError when the name is taken */
export function registerSource(name: string, at: RegisteredSource): void {
  scriptSources.register(name, at)
}
