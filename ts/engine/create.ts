import { TorchTypeError } from './errors.ts'
import { checked, native } from './native.ts'
import { type Device, type DType, dtypeNumbers } from './protocol.ts'
import { type ElementArray, Tensor } from './tensor.ts'

const arrayTypes: [new (...args: never[]) => ArrayBufferView, DType][] = [
  [Float32Array, 'float32'],
  [Float64Array, 'float64'],
  [Int8Array, 'int8'],
  [Int16Array, 'int16'],
  [Int32Array, 'int32'],
  [BigInt64Array, 'int64'],
  [Uint8Array, 'uint8'],
]

export interface TensorOptions {
  dtype?: DType
  device?: Device
  requiresGrad?: boolean
  /** Sizes for a flat typed array; default one dimension. */
  shape?: readonly number[]
}

/** Any nesting of numbers, booleans or bigints. */
export type NestedInput = number | boolean | bigint | readonly NestedInput[]

/**
 * A tensor with a copy of the data. Numbers become float32, bigints int64, booleans bool, typed arrays their own
 * dtype, unless `dtype` says otherwise.
 *
 * @throws TorchTypeError when nested arrays are ragged or hold something else
 */
export function tensor(data: NestedInput | ElementArray, options: TensorOptions = {}): Tensor {
  let made: Tensor
  if (ArrayBuffer.isView(data)) {
    const dtype = arrayTypes.find(([type]) => data instanceof type)?.[1]
    if (dtype === undefined)
      throw new TorchTypeError('tensor', `a ${data.constructor.name} cannot become a tensor`)
    made = fromBytes(
      new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
      options.shape ?? [data.length],
      dtype,
    )
  } else {
    const shape: number[] = []
    for (let level: unknown = data; Array.isArray(level); level = level[0]) shape.push(level.length)
    const flat: (number | boolean | bigint)[] = []
    flatten(data, shape, 0, flat)
    const kind = typeof flat[0]
    const shapeWanted = options.shape ?? shape
    if (kind === 'bigint') {
      const values = BigInt64Array.from(flat, (value) => BigInt(value))
      made = fromBytes(new Uint8Array(values.buffer), shapeWanted, 'int64')
    } else if (kind === 'boolean' && flat.every((value) => typeof value === 'boolean')) {
      made = fromBytes(Uint8Array.from(flat, Number), shapeWanted, 'bool')
    } else {
      const wide = options.dtype !== undefined && options.dtype !== 'float32'
      const values = wide ? Float64Array.from(flat, Number) : Float32Array.from(flat, Number)
      made = fromBytes(new Uint8Array(values.buffer), shapeWanted, wide ? 'float64' : 'float32')
    }
  }
  if (options.dtype !== undefined || options.device !== undefined) {
    const converted = made.to({
      ...(options.dtype === undefined ? {} : { dtype: options.dtype }),
      ...(options.device === undefined ? {} : { device: options.device }),
    })
    made.free()
    made = converted
  }
  if (options.requiresGrad) made.requiresGrad = true
  return made
}

function flatten(data: unknown, shape: number[], depth: number, into: (number | boolean | bigint)[]): void {
  if (depth === shape.length) {
    if (typeof data !== 'number' && typeof data !== 'boolean' && typeof data !== 'bigint') {
      throw new TorchTypeError(
        'tensor',
        Array.isArray(data) ? 'the nested arrays are ragged' : `${typeof data} is no number`,
      )
    }
    into.push(data)
    return
  }
  if (!Array.isArray(data) || data.length !== shape[depth])
    throw new TorchTypeError('tensor', 'the nested arrays are ragged')
  for (const item of data) flatten(item, shape, depth + 1, into)
}

/** A tensor with a copy of raw little-endian bytes, row-major. */
export function fromBytes(bytes: Uint8Array, shape: readonly number[], dtype: DType): Tensor {
  return new Tensor(checked(native().fromBytes(bytes, [...shape], dtypeNumbers[dtype]), 'fromBytes'))
}

/** Memory of another addon that is handed over without a copy. */
export interface NativeMemory {
  address: bigint
  /** Address of the C function that frees `context`. */
  release: bigint
  context: bigint
}

/** Wraps memory of the data engine; it is released when the last tensor on it is gone. */
export function fromMemory(
  memory: NativeMemory,
  shape: readonly number[],
  dtype: DType,
  memoryFormat: 'contiguous' | 'channels_last' = 'contiguous',
): Tensor {
  const handle = native().fromAddress(
    memory.address,
    [...shape],
    memoryFormat === 'channels_last',
    dtypeNumbers[dtype],
    memory.release,
    memory.context,
  )
  return new Tensor(checked(handle, 'fromMemory'))
}
