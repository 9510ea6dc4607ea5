import { ExitCode } from '../errors.ts'
import { TensorFreedError, TorchError, TorchTypeError } from './errors.ts'
import { buffers, checked, native } from './native.ts'
import type { TensorOperators } from './ops.generated.ts'
import {
  type Device,
  type DType,
  deviceName,
  dtypeNames,
  dtypeNumbers,
  type MemoryFormat,
  memoryFormatNumbers,
  parseDevice,
} from './protocol.ts'
import { adopt, type Scoped, unwatch } from './scope.ts'

/** A flat array that holds a tensor's elements. */
export type ElementArray =
  | Float32Array
  | Float64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | Uint8Array
  | BigInt64Array

/** Nested arrays of numbers, as deep as the tensor has dimensions; a bare number for a scalar. */
export type Nested = number | Nested[]

export interface BackwardOptions {
  /** Keep the graph for another backward pass. */
  retainGraph?: boolean
  /** Record the backward pass itself, for higher derivatives. */
  createGraph?: boolean
}

type Backward = (recorded: () => void, options: Required<BackwardOptions>) => void

let runBackward: Backward = (recorded) => recorded()

/** Has every `Tensor.backward` go through `run`, which passes gradients on where the recorded graph ends. */
export function extendBackward(run: Backward): void {
  runBackward = run
}

// Declaration merging is what gives the class its generated methods.
export interface Tensor extends TensorOperators {
  /** The `item` and `to` operators, which the class gives friendlier signatures. */
  _item(): number | boolean
  _to(options: Record<string, unknown>): Tensor
}

/**
 * A tensor of the native engine, held by a handle. Every public ATen operator is a method under PyTorch's name.
 *
 * Tensors made inside a `scope` die with it; others live until `free()`, the end of their `using` block, or the
 * garbage collector.
 */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: the methods are installed by `installOperators`
export class Tensor implements Scoped, Disposable {
  handle: number
  kept = false
  watched = false
  escapes = 0

  /** @param handle from the native engine, owned by this object from now on */
  constructor(handle: number) {
    this.handle = handle
    adopt(this)
  }

  /** Sizes of the dimensions. */
  get shape(): number[] {
    const length = this.#describe('shape')
    return Array.from(buffers.results.subarray(6, length))
  }

  /** Number of elements. */
  get numel(): number {
    return this.shape.reduce((product, size) => product * size, 1)
  }

  get dtype(): DType {
    this.#describe('dtype')
    return dtypeOf(buffers.results[0]!)
  }

  get device(): Device {
    this.#describe('device')
    return deviceName(buffers.results[1]!, buffers.results[2]!)
  }

  /** Whether operations on this tensor are recorded for backward. */
  get requiresGrad(): boolean {
    this.#describe('requiresGrad')
    return buffers.results[3] !== 0
  }

  set requiresGrad(on: boolean) {
    checked(native().setRequiresGrad(this.handle, on), 'requiresGrad')
  }

  /** Whether it was made by the user rather than by a recorded operation. */
  get isLeaf(): boolean {
    this.#describe('isLeaf')
    return buffers.results[4] !== 0
  }

  /** Bytes of its elements. */
  get bytes(): number {
    this.#describe('bytes')
    return buffers.results[5]!
  }

  /** The gradient that backward left, if any: a handle of the current scope to the same memory. */
  get grad(): Tensor | null {
    const handle = checked(native().grad(this.handle), 'grad')
    return handle === 0 ? null : new Tensor(handle)
  }

  set grad(gradient: Tensor | null) {
    checked(native().setGrad(this.handle, gradient?.handle), 'grad')
  }

  /** Whether `free` or a scope has ended it. */
  get isFreed(): boolean {
    return this.handle === 0
  }

  isContiguous(memoryFormat: MemoryFormat = 'contiguous'): boolean {
    return (
      checked(native().isContiguous(this.handle, memoryFormatNumbers[memoryFormat]), 'isContiguous') === 1
    )
  }

  /** Takes it out of all scopes: from now on it lives until `free()` or the garbage collector. */
  keep(): this {
    this.kept = true
    return this
  }

  /** Frees the handle; the memory goes when the last tensor and graph that use it are gone. Idempotent. */
  free(): void {
    if (this.handle === 0) return
    unwatch(this)
    native().free(this.handle)
    this.handle = 0
  }

  [Symbol.dispose](): void {
    this.free()
  }

  /**
   * Accumulates gradients into the leaves that this tensor depends on.
   *
   * @param gradient of the same shape; may be left out for a scalar
   */
  backward(gradient?: Tensor | null, options: BackwardOptions = {}): void {
    const { createGraph = false, retainGraph = createGraph } = options
    const recorded = () => {
      const result = native().backward(this.handle, gradient?.handle, retainGraph, createGraph)
      checked(result, 'backward', () => `(${this.describe()})`)
    }
    runBackward(recorded, { createGraph, retainGraph })
  }

  /**
   * The same values as another dtype, on another device or in another memory format; itself when nothing changes.
   *
   * @param target a dtype (`float16`), a device (`cuda:0`), or several wishes at once
   */
  to(target: DType | Device | ToOptions): Tensor {
    const options: ToOptions =
      typeof target !== 'string'
        ? target
        : target in dtypeNumbers
          ? { dtype: target as DType }
          : { device: target }
    if (options.device !== undefined && parseDevice(options.device) === null) {
      throw new TorchTypeError('to', `'${options.device}' is neither a dtype nor a device`)
    }
    return this._to({
      ...(options.dtype === undefined ? {} : { dtype: options.dtype }),
      ...(options.device === undefined ? {} : { device: options.device }),
      ...(options.memoryFormat === undefined ? {} : { memory_format: options.memoryFormat }),
      non_blocking: options.nonBlocking ?? false,
      copy: options.copy ?? false,
    })
  }

  /** The value of a one-element tensor. */
  item(): number {
    const value = this._item()
    return typeof value === 'boolean' ? Number(value) : value
  }

  /**
   * A copy of the elements, row-major. float16 and bfloat16 come as Float32Array, int64 as BigInt64Array, bool as
   * Uint8Array of 0 and 1.
   */
  toTypedArray(): ElementArray {
    const dtype = this.dtype
    if (dtype === 'float16' || dtype === 'bfloat16') {
      const wide = this.to('float32')
      try {
        return wide.toTypedArray()
      } finally {
        wide.free()
      }
    }
    const bytes = this.toBytes()
    switch (dtype) {
      case 'float32':
        return new Float32Array(bytes.buffer)
      case 'float64':
        return new Float64Array(bytes.buffer)
      case 'int8':
        return new Int8Array(bytes.buffer)
      case 'int16':
        return new Int16Array(bytes.buffer)
      case 'int32':
        return new Int32Array(bytes.buffer)
      case 'int64':
        return new BigInt64Array(bytes.buffer)
      case 'uint8':
      case 'bool':
        return bytes
      default:
        throw new TorchTypeError('toTypedArray', `${dtype} has no typed array; use view_as_real first`)
    }
  }

  /**
   * A copy of the elements as raw bytes in the tensor's own dtype, row-major, little-endian.
   *
   * @param out takes them and is returned; of as many bytes as the tensor has
   */
  toBytes(out: Uint8Array<ArrayBuffer> = new Uint8Array(this.bytes)): Uint8Array<ArrayBuffer> {
    checked(native().copyBytes(this.handle, out), 'toBytes')
    return out
  }

  /** Nested arrays of numbers. */
  toArray(): Nested {
    const flat = this.toTypedArray()
    const nest = (shape: number[], offset: number, stride: number): Nested => {
      if (shape.length === 0) return Number(flat[offset])
      const [size, ...rest] = shape as [number, ...number[]]
      const step = size === 0 ? 0 : stride / size
      return Array.from({ length: size }, (_, i) => nest(rest, offset + i * step, step))
    }
    return nest(this.shape, 0, flat.length)
  }

  /** Dtype and shape in a word, for messages. */
  describe(): string {
    if (this.handle === 0) return 'freed tensor'
    const length = native().describe(this.handle)
    if (length === -1) {
      native().takeFailure()
      return 'freed tensor'
    }
    const dtype = dtypeNames[buffers.results[0]!] ?? 'tensor'
    return `${dtype}[${Array.from(buffers.results.subarray(6, length)).join(', ')}]`
  }

  toString(): string {
    if (this.handle === 0 || this.numel > 1000) return `Tensor(${this.describe()})`
    return `Tensor(${this.describe()} ${JSON.stringify(this.toArray())})`
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString()
  }

  #describe(operator: string): number {
    if (this.handle === 0) throw new TensorFreedError(operator)
    return checked(native().describe(this.handle), operator)
  }
}

export interface ToOptions {
  dtype?: DType
  device?: Device
  memoryFormat?: MemoryFormat
  /** Copy even when nothing changes. */
  copy?: boolean
  nonBlocking?: boolean
}

function dtypeOf(number: number): DType {
  const name = dtypeNames[number]
  if (name === undefined)
    throw new TorchError('dtype', `element type number ${number} has no name here`, ExitCode.internal)
  return name
}

/** A number whose type matters: see `int` and `float`. */
export class TypedNumber {
  readonly kind: 'int' | 'float'
  readonly value: number

  constructor(kind: 'int' | 'float', value: number) {
    this.kind = kind
    this.value = value
  }
}

/** An integer scalar, whatever the operator would make of a JavaScript number. */
export const int = (value: number): TypedNumber => new TypedNumber('int', value)
/** A floating-point scalar: JavaScript's `3.0` is `3`, `float(3)` is a float. */
export const float = (value: number): TypedNumber => new TypedNumber('float', value)

/** A random number generator of its own (CPU), for operators that take `{ generator }`. */
export class Generator {
  readonly index: number

  constructor(seed: number | bigint) {
    this.index = native().generator(BigInt(seed))
  }
}
