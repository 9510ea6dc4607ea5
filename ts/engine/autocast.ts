import { readFileSync } from 'node:fs'
import { TorchValueError } from './errors.ts'
import { checked, native } from './native.ts'
import { type DType, deviceTypeNumbers, dtypeNumbers } from './protocol.ts'

/** A device type that autocast knows. */
export type AutocastDevice = 'cpu' | 'cuda'

/** What autocast does on each device type: the lower precision, or null where it is off. */
export type AutocastState = Readonly<Record<AutocastDevice, DType | null>>

const lowerPrecisions: readonly DType[] = ['bfloat16', 'float16']

let state: AutocastState = { cpu: null, cuda: null }
/** Regions that the native side counts: it drops the cast weights when the last one is left. */
let entered = 0
/** Regions that are open here. */
let open = 0

/**
 * Runs `work` with autocast: matrix products and convolutions in `dtype`, sensitive operators in float32, as
 * PyTorch's lists say. Regions nest; the inner one counts. Weights are cast once a region, so parameters must not be
 * updated inside, and backward belongs outside.
 *
 * @param dtype `bfloat16` or `float16`
 * @throws TorchValueError for another dtype
 */
export function autocast<T>(device: AutocastDevice, dtype: DType, work: () => T): T {
  if (!lowerPrecisions.includes(dtype)) {
    throw new TorchValueError(
      'autocast',
      `${dtype} is no lower precision; use ${lowerPrecisions.join(' or ')}`,
    )
  }
  return withAutocast({ ...state, [device]: dtype }, work)
}

/** Runs `work` in the precision that its tensors have, also inside `autocast`. */
export function withoutAutocast<T>(device: AutocastDevice, work: () => T): T {
  return withAutocast({ ...state, [device]: null }, work)
}

/** What autocast does now. */
export const autocastState = (): AutocastState => state

/** Runs `work` under a state that {@link autocastState} gave: a second computation then equals the first. */
export function withAutocast<T>(wanted: AutocastState, work: () => T): T {
  const before = state
  open++
  change(wanted)
  try {
    return work()
  } finally {
    open--
    change(before)
    // Leaving the outermost region: the native count goes back to zero, which drops the cast weights.
    if (open === 0) while (entered > 0) leave('cpu')
  }
}

function change(wanted: AutocastState): void {
  for (const device of ['cpu', 'cuda'] as const) {
    const dtype = wanted[device]
    if (dtype === state[device]) continue
    if (dtype === null) leave(device)
    else enter(device, dtype)
  }
  state = wanted
}

function enter(device: AutocastDevice, dtype: DType): void {
  checked(native().autocast(deviceTypeNumbers[device]!, dtypeNumbers[dtype]), 'autocast')
  entered++
}

function leave(device: AutocastDevice): void {
  checked(native().autocast(deviceTypeNumbers[device]!), 'autocast')
  entered--
}

/** Instruction sets that compute in a lower precision, by the names of /proc/cpuinfo. */
const instructions: Readonly<Record<'bfloat16' | 'float16', readonly string[]>> = {
  bfloat16: ['avx512_bf16', 'amx_bf16', 'bf16'],
  float16: ['avx512_fp16', 'amx_fp16', 'asimdhp'],
}

/**
 * Why autocast to `dtype` would be slow on this processor: without instructions for it every product is emulated,
 * many times slower than in float32.
 *
 * @param cpuinfo text of /proc/cpuinfo
 * @returns a sentence for the user; undefined where it is fast, or where nothing is known
 */
export function slowAutocast(dtype: 'bfloat16' | 'float16', cpuinfo = readCpuinfo()): string | undefined {
  const flags = /^(?:flags|Features)\s*:(.*)$/m.exec(cpuinfo)?.[1]
  if (flags === undefined) return undefined
  const known = new Set(flags.trim().split(/\s+/))
  if (instructions[dtype].some((name) => known.has(name))) return undefined
  const wanted = dtype === 'bfloat16' ? 'AVX512-BF16 or AMX' : 'AVX512-FP16 or AMX-FP16'
  return `this processor has no ${dtype} instructions (${wanted}): autocast is many times slower than float32 here`
}

function readCpuinfo(): string {
  try {
    return readFileSync('/proc/cpuinfo', 'utf8')
  } catch {
    return ''
  }
}
