import { buffers, checked, growArguments, native } from './native.ts'
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
