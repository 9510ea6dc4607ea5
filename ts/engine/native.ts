import { isMainThread } from 'node:worker_threads'
import { torchError } from './errors.ts'
import { loadAddon, nativeFolder } from './host.ts'
import { loadLibtorch } from './libtorch.ts'

/** The tensor addon's class; a result of -1 means failure, see `takeFailure`. */
export interface NativeEngine {
  setBuffers(args: Float64Array, results: Float64Array): void
  takeFailure(): [kind: string, message: string]
  operator(name: string, overload: string): number
  callFunction(): () => void
  intern(text: string): number
  generator(seed: bigint): number
  free(handle: number): boolean
  freeMany(count: number): void
  describe(handle: number): number
  isContiguous(handle: number, memoryFormat: number): number
  setRequiresGrad(handle: number, on: boolean): number
  grad(handle: number): number
  gradients(count: number): number
  setGrad(handle: number, gradient?: number): number
  backward(handle: number, gradient: number | undefined, retainGraph: boolean, createGraph: boolean): number
  gradOf(outputs: number, inputs: number, retainGraph: boolean, createGraph: boolean): number
  fromBytes(bytes: Uint8Array, shape: number[], dtype: number): number
  copyBytes(handle: number, out: Uint8Array): number
  fromAddress(
    address: bigint,
    shape: number[],
    channelsLast: boolean,
    dtype: number,
    release: bigint,
    context: bigint,
  ): number
  stats(): [tensors: number, bytes: number]
  gradMode(on?: boolean): boolean
  manualSeed(seed: bigint): void
  rngState(deviceType: number, deviceIndex: number): number
  setRngState(deviceType: number, deviceIndex: number, state: number): number
  autocast(deviceType: number, dtype?: number): number
  threads(count?: number): number
  cudaDevices(): number
  reportExternalMemory(change: number): number
}

interface TensorAddon {
  Engine: new (args: Float64Array, results: Float64Array, mainThread: boolean) => NativeEngine
  schemas(): string
  libtorchVersion(): string
  profileStart(): void
  profileStop(): string
}

/** Argument and result buffers, shared with the native side. */
export const buffers = { args: new Float64Array(1 << 14), results: new Float64Array(1 << 16) }

let addon: TensorAddon | undefined
let engine: NativeEngine | undefined

/** Loads libtorch and the tensor addon at the first use. */
export function tensorAddon(): TensorAddon {
  if (addon === undefined) {
    loadLibtorch()
    addon = loadAddon<TensorAddon>(`${nativeFolder}vissl.node`)
  }
  return addon
}

/** This environment's engine; libtorch is loaded at the first call. */
export function native(): NativeEngine {
  if (engine === undefined) {
    engine = new (tensorAddon().Engine)(buffers.args, buffers.results, isMainThread)
    nativeCall = engine.callFunction()
  }
  return engine
}

let nativeCall: (() => void) | undefined

/** Where an operator's arguments begin in the argument buffer, and its results in the result buffer. */
export const ARGUMENTS_AT = 2
export const RESULTS_AT = 1

/**
 * Runs an operator on `length` values of the argument buffer.
 *
 * @returns the handle of a single tensor result (at least 2^32), else the number of result values, else -1
 */
export function callOperator(operator: number, length: number): number {
  if (nativeCall === undefined) native()
  const { args } = buffers
  args[0] = operator
  args[1] = length
  nativeCall!()
  return buffers.results[0]!
}

/** Makes room for `length` argument values; the old buffer's values are kept. */
export function growArguments(length: number): void {
  const grown = new Float64Array(Math.max(length, buffers.args.length * 2))
  grown.set(buffers.args)
  buffers.args = grown
  native().setBuffers(buffers.args, buffers.results)
}

/** Throws the typed error behind a -1. */
export function checked(value: number, operator: string, describe?: () => string): number {
  if (value !== -1) return value
  throw failure(operator, describe)
}

export function failure(operator: string, describe?: () => string): Error {
  const [kind, message] = native().takeFailure()
  return torchError(describe === undefined ? operator : `${operator}${describe()}`, kind, message)
}
