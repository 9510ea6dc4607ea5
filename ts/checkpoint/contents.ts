import { type DType, dtypeBytes, fromBytes, type Tensor } from '../engine/index.ts'
import { ExitCode, VisslError } from '../errors.ts'
import type { Module, StateDict } from '../nn/index.ts'
import { freshBytes, type TakeBytes } from './byte-pool.ts'
import { dictEntries, orderedDict, StoredTensor, type TorchObject, type TorchValue } from './torch-file.ts'

/** Where a run is; kept in every checkpoint under the reference's names. */
export interface Progress {
  /** Index of the phase in progress or last done, counting training and test phases; -1 before the first. */
  phaseIdx: number
  trainPhaseIdx: number
  /** Optimizer steps so far. */
  iteration: number
  /** Samples seen: global batch size times steps. */
  numUpdates: number
}

/**
 * Tensors become stored bytes, everything else stays; the result can be written as a `.torch` file.
 *
 * @param take where the bytes go
 */
export function toStored(value: unknown, take: TakeBytes = freshBytes): TorchValue {
  if (isTensor(value)) return storeTensor(value, take)
  if (Array.isArray(value)) return value.map((item) => toStored(item, take))
  if (value instanceof Map) return new Map(Array.from(value, ([key, item]) => [key, toStored(item, take)]))
  if (typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, toStored(item, take)]))
  }
  return value as TorchValue
}

const isTensor = (value: unknown): value is Tensor =>
  typeof value === 'object' && value !== null && 'handle' in value

export function storeTensor(value: Tensor, take: TakeBytes = freshBytes): StoredTensor {
  return new StoredTensor(value.dtype, value.shape, value.toBytes(take(value.bytes)))
}

/**
 * A tensor of the engine from one of a file.
 *
 * @throws VisslError for a dtype that the engine lacks
 */
export function restoreTensor(stored: StoredTensor): Tensor {
  if (!(stored.dtype in dtypeBytes)) {
    throw new VisslError(
      ExitCode.data,
      `tensors of dtype ${stored.dtype} cannot be loaded`,
      'convert the file to float32',
    )
  }
  return fromBytes(stored.bytes, stored.shape, stored.dtype as DType)
}

/** The reverse of `toStored`; dicts that were Maps in the file become plain objects with string keys. */
export function fromStored(value: TorchValue): unknown {
  if (value instanceof StoredTensor) return restoreTensor(value)
  if (Array.isArray(value)) return value.map(fromStored)
  if (isDict(value)) {
    return Object.fromEntries(dictEntries(value).map(([key, item]) => [String(key), fromStored(item)]))
  }
  return value
}

type Dict = TorchObject | Map<TorchValue, TorchValue>

export const isDict = (value: unknown): value is Dict =>
  value instanceof Map ||
  (typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype)

/** A module's state as Python's `state_dict()` would save it. */
export function storeModule(module: Module, take: TakeBytes = freshBytes): TorchValue {
  return storeStateDict(module.stateDict(), take)
}

export function storeStateDict(state: StateDict, take: TakeBytes = freshBytes): TorchValue {
  return orderedDict(
    Object.fromEntries(Object.entries(state).map(([name, value]) => [name, storeTensor(value, take)])),
  )
}

/**
 * Follows keys into a checkpoint.
 *
 * @throws VisslError naming the file and the key that is missing
 */
export function dictAt(root: TorchValue, path: readonly string[], file: string): TorchObject {
  let at: TorchValue = root
  for (const [depth, key] of path.entries()) {
    const next: TorchValue | undefined = isDict(at) ? asObject(at)[key] : undefined
    if (next === undefined) {
      throw new VisslError(
        ExitCode.data,
        `${file} is no vissl checkpoint: it has no ${path.slice(0, depth + 1).join('.')}`,
        'give a file that vissl train saved',
      )
    }
    at = next
  }
  if (!isDict(at)) {
    const where = path.length === 0 ? 'its content' : path.join('.')
    throw new VisslError(
      ExitCode.data,
      `${file}: ${where} is no dictionary`,
      'give a file that vissl train saved',
    )
  }
  return asObject(at)
}

const asObject = (dict: Dict): TorchObject =>
  dict instanceof Map ? Object.fromEntries(Array.from(dict, ([key, item]) => [String(key), item])) : dict
