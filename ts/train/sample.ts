import type { TrainingBatch } from '../data/index.ts'
import type { Tensor } from '../engine/index.ts'
import { ExitCode, VisslError } from '../errors.ts'
import type { ModelBatch } from '../models/index.ts'

/** What a loss compares with: labels, or a map of them where several keys are targets. */
export type Target = Tensor | Readonly<Record<string, Tensor>>

/**
 * The tensors of a batch by key (`data`, `label`, `data_idx`, `data_valid` and whatever else the collator makes), taken
 * when they are first asked for. They belong to the scope that is open then.
 */
export class Sample {
  readonly #batch: TrainingBatch
  readonly #taken = new Map<string, readonly (Tensor | readonly Tensor[])[]>()

  constructor(batch: TrainingBatch) {
    this.#batch = batch
  }

  /** Keys that have tensors. */
  get keys(): string[] {
    return [...new Set([...this.#taken.keys(), ...this.#batch.names.map((name) => name.split('.')[0]!)])]
  }

  /**
   * The entries of a key: one a source or view; an entry of a multi-crop batch is the list of its crops.
   *
   * @throws VisslError when the batch has no such key
   */
  entries(key: string): readonly (Tensor | readonly Tensor[])[] {
    let entries = this.#taken.get(key)
    if (entries === undefined) {
      entries = this.#take(key)
      this.#taken.set(key, entries)
    }
    return entries
  }

  /** The only entry of a key. @throws VisslError when there are more or none */
  one(key: string): Tensor | readonly Tensor[] {
    const entries = this.entries(key)
    if (entries.length === 1) return entries[0]!
    throw new VisslError(
      ExitCode.usage,
      `the batch has ${entries.length} entries of "${key}", and a train step takes one`,
      'choose a COLLATE_FUNCTION that joins them, such as simclr_collator, or a TRAIN_STEP_NAME of your own',
    )
  }

  /** The only tensor of a key. @throws VisslError when there are more */
  tensor(key: string): Tensor {
    const entry = this.one(key)
    if (!isList(entry)) return entry
    throw new VisslError(ExitCode.usage, `"${key}" holds ${entry.length} crops of several sizes`)
  }

  /** What the model is given: the tensor or crops of one input key, a map of the tensors of several. */
  input(keys: readonly string[]): ModelBatch {
    if (keys.length === 1) return this.one(keys[0]!)
    return Object.fromEntries(keys.map((key) => [key, this.tensor(key)]))
  }

  /** What the loss is given: the tensor of one target key, a map of the tensors of several. */
  target(keys: readonly string[]): Target {
    if (keys.length === 1) return this.tensor(keys[0]!)
    return Object.fromEntries(keys.map((key) => [key, this.tensor(key)]))
  }

  #take(key: string): (Tensor | Tensor[])[] {
    const entries: (Tensor | Tensor[])[] = []
    for (const name of this.#batch.names) {
      const [own, entry, crop] = name.split('.')
      if (own !== key) continue
      const tensor = this.#batch.take(name)
      if (crop === undefined) entries.push(tensor)
      else {
        const at = Number(entry)
        const crops = entries[at] ?? []
        ;(crops as Tensor[]).push(tensor)
        entries[at] = crops
      }
    }
    if (entries.length > 0) return entries
    throw new VisslError(
      ExitCode.usage,
      `the batch has no "${key}"`,
      `it has ${this.keys.join(', ')}: set INPUT_KEY_NAMES and TARGET_KEY_NAMES to these`,
    )
  }
}

const isList = (entry: Tensor | readonly Tensor[]): entry is readonly Tensor[] => Array.isArray(entry)
