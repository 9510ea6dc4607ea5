import { TorchValueError } from './errors.ts'
import { checked, native, tensorAddon } from './native.ts'
import { type Device, parseDevice } from './protocol.ts'
import { Tensor } from './tensor.ts'

/** Seeds the default generators of all devices, like `torch.manual_seed`. */
export function manualSeed(seed: number | bigint): void {
  native().manualSeed(BigInt(seed))
}

function deviceNumbers(device: Device): [number, number] {
  const parsed = parseDevice(device)
  if (parsed === null) throw new TorchValueError('device', `'${device}' is no device; use cpu or cuda:0`)
  return parsed
}

/** State of a device's default generator, a byte tensor. */
export function rngState(device: Device = 'cpu'): Tensor {
  return new Tensor(checked(native().rngState(...deviceNumbers(device)), 'rngState'))
}

export function setRngState(state: Tensor, device: Device = 'cpu'): void {
  checked(native().setRngState(...deviceNumbers(device), state.handle), 'setRngState')
}

/** Threads that one operator may use; sets it when given. */
export function computeThreads(count?: number): number {
  if (count !== undefined && (!Number.isInteger(count) || count < 1)) {
    throw new TorchValueError('computeThreads', `${count} is no number of threads`)
  }
  return native().threads(count)
}

/** Usable CUDA devices; 0 for a CPU-only libtorch. */
export const cudaDeviceCount = (): number => native().cudaDevices()

/** Live tensors of this environment, and the bytes of their storages (each counted once). */
export function stats(): { tensors: number; bytes: number } {
  const [tensors, bytes] = native().stats()
  return { tensors, bytes }
}

let reported = 0

/** Tells V8 what the tensors weigh, so that lost ones are collected; the trainer calls it at every step. */
export function reportMemory(): void {
  const { bytes } = stats()
  native().reportExternalMemory(bytes - reported)
  reported = bytes
}

/** The libtorch version that the native part was built with. */
export const libtorchVersion = (): string => tensorAddon().libtorchVersion()
