import { buffers, checked, growArguments, native } from './native.ts'
import type { MemoryFormat } from './protocol.ts'
import { type BackwardOptions, Tensor } from './tensor.ts'

function withGradMode<T>(on: boolean, work: () => T): T {
  const before = native().gradMode(on)
  try {
    return work()
  } finally {
    native().gradMode(before)
  }
}

/** Runs `work` without recording operations for backward. */
export const noGrad = <T>(work: () => T): T => withGradMode(false, work)

/** Runs `work` with recording, also inside `noGrad`. */
export const enableGrad = <T>(work: () => T): T => withGradMode(true, work)

export const isGradEnabled = (): boolean => native().gradMode()

/**
 * Gradients of the sum of `outputs` with respect to `inputs`, without touching any `.grad`.
 *
 * @returns one tensor an input
 */
export function grad(
  outputs: readonly Tensor[],
  inputs: readonly Tensor[],
  options: BackwardOptions = {},
): Tensor[] {
  const total = outputs.length + inputs.length
  if (total > buffers.args.length) growArguments(total)
  ;[...outputs, ...inputs].forEach((tensor, k) => {
    buffers.args[k] = tensor.handle
  })
  const { createGraph = false, retainGraph = createGraph } = options
  const count = checked(native().gradOf(outputs.length, inputs.length, retainGraph, createGraph), 'grad')
  return Array.from(buffers.results.slice(0, count), (handle) => new Tensor(handle))
}

/** What an update needs of a parameter. */
export interface ParameterGradient {
  /** Of the parameter's shape, dtype and device, in its layout; null when there is none. */
  readonly gradient: Tensor | null
  /** Order of the parameter's elements in memory; null when it has holes or another order. */
  readonly layout: MemoryFormat | null
}

/**
 * The gradients of many parameters in one call. One that lies in another layout than its parameter is copied, so
 * that what writes into gradients should use `grad`.
 *
 * @throws TorchValueError when a gradient does not fit its parameter any more
 */
export function gradientsOf(parameters: readonly Tensor[]): ParameterGradient[] {
  const count = parameters.length
  if (count > buffers.args.length) growArguments(count)
  for (let k = 0; k < count; k++) buffers.args[k] = parameters[k]!.handle
  checked(native().gradients(count), 'gradients')
  const found: ParameterGradient[] = []
  for (let k = 0; k < count; k++) {
    const handle = buffers.results[2 * k]!
    found.push({
      gradient: handle === 0 ? null : new Tensor(handle),
      layout: layouts[buffers.results[2 * k + 1]!] ?? null,
    })
  }
  return found
}

const layouts: Readonly<Record<number, MemoryFormat>> = { 0: 'contiguous', 2: 'channels_last' }
