import { noGrad, Tensor } from '../../engine/index.ts'
import { ExitCode, VisslError } from '../../errors.ts'
import { parseParams } from '../../nn/params.ts'
import { TrainingBatch } from '../batch.ts'
import type { DataSplit } from '../dataset.ts'
import type { NativeBatch, NativeTensor } from '../native.ts'
import { type Collate, type CollatorTensors, scriptCollators } from './collator.ts'
import { randomOf } from './random.ts'

/** A collator that is written in TypeScript, in its place. */
export interface Collation {
  readonly name: string
  readonly collate: Collate
  readonly seed: number
  readonly rank: number
}

/** The collator of a split; undefined where it is a native one. @throws VisslError for parameters that do not fit */
export function splitCollator(
  split: DataSplit,
  { seed, rank }: { seed: number; rank: number },
): Collation | undefined {
  const { COLLATE_FUNCTION: name, COLLATE_FUNCTION_PARAMS: params } = split
  if (!scriptCollators.has(name)) return undefined
  const kind = scriptCollators.get(name)
  return { name, collate: kind.create(parseParams(`collator "${name}"`, kind.params, params)), seed, rank }
}

/** A batch that a collator of one's own makes when it is first looked at. Its tensors live until it is freed. */
export class CollatedBatch extends TrainingBatch {
  readonly #collation: Collation
  readonly #epoch: number
  #tensors: Map<string, Tensor> | undefined
  readonly #kept: Tensor[] = []

  constructor(native: NativeBatch, collation: Collation, epoch: number) {
    super(native)
    this.#collation = collation
    this.#epoch = epoch
  }

  override get names(): string[] {
    return [...this.#collated().keys()]
  }

  override take(name: string): Tensor {
    const tensors = this.#collated()
    const tensor = tensors.get(name)
    if (tensor === undefined) {
      throw new VisslError(
        ExitCode.usage,
        `the batch has no tensor "${name}"`,
        `there are: ${[...tensors.keys()].join(', ')}`,
      )
    }
    tensors.delete(name)
    return tensor
  }

  /** @throws VisslError always: what TypeScript makes are tensors */
  override takeMemory(name: string): NativeTensor {
    throw new VisslError(
      ExitCode.usage,
      `the memory of "${name}" cannot be taken: collator "${this.#collation.name}" is written in TypeScript`,
      'choose a built-in COLLATE_FUNCTION here',
    )
  }

  override free(): void {
    super.free()
    for (const tensor of this.#kept.splice(0)) tensor.free()
    this.#tensors = new Map()
  }

  #collated(): Map<string, Tensor> {
    this.#tensors ??= noGrad(() => this.#collate())
    return this.#tensors
  }

  #collate(): Map<string, Tensor> {
    const { name, collate, seed, rank } = this.#collation
    const names = super.names
    const of = (role: string): Tensor[] =>
      names.filter((own) => own.startsWith(`${role}.`)).map((own) => super.take(own))
    const given: CollatorTensors = {
      data: of('data'),
      label: of('label'),
      data_idx: of('data_idx'),
      data_valid: of('data_valid'),
    }
    this.#kept.push(...Object.values(given).flat())
    for (const tensor of this.#kept) tensor.keep()
    try {
      return this.#checked(collate(given, randomOf(seed, this.#epoch, this.index, rank)))
    } catch (error) {
      const samples = given.data_idx[0]?.toTypedArray() ?? []
      const some = `${Array.from(samples.slice(0, 8), String).join(', ')}${samples.length > 8 ? ', …' : ''}`
      throw new VisslError(
        ExitCode.usage,
        `collator "${name}", epoch ${this.#epoch}, batch ${this.index} (samples ${some}): ${error instanceof Error ? error.message : String(error)}`,
        (error instanceof VisslError ? error.fix : undefined) ?? 'correct the collator',
        { cause: error },
      )
    }
  }

  /** The tensors by name: `data.0`, or `data.0.1` where an entry is a list of crops. */
  #checked(output: unknown): Map<string, Tensor> {
    const isMap =
      typeof output === 'object' && output !== null && Object.getPrototypeOf(output) === Object.prototype
    if (!isMap) throw new Error(`it returned ${describe(output)} rather than a map of lists of tensors`)
    const tensors = new Map<string, Tensor>()
    const add = (name: string, value: unknown): void => {
      if (!(value instanceof Tensor)) throw new Error(`"${name}" is ${describe(value)} rather than a tensor`)
      this.#kept.push(value.keep())
      tensors.set(name, value)
    }
    for (const [key, entries] of Object.entries(output)) {
      if (key.includes('.')) throw new Error(`the key "${key}" has a dot`)
      if (!Array.isArray(entries))
        throw new Error(`"${key}" is ${describe(entries)} rather than a list of tensors`)
      for (const [i, entry] of entries.entries()) {
        if (Array.isArray(entry)) for (const [j, crop] of entry.entries()) add(`${key}.${i}.${j}`, crop)
        else add(`${key}.${i}`, entry)
      }
    }
    return tensors
  }
}

function describe(value: unknown): string {
  if (value instanceof Tensor) return 'a tensor'
  if (Array.isArray(value)) return 'a list'
  if (value instanceof Promise) return 'a promise (a collator cannot wait)'
  return typeof value === 'object' && value !== null ? 'a map' : String(value)
}
