import type { MemoryFormat, Tensor } from '../engine/index.ts'
import { ExitCode, VisslError } from '../errors.ts'

/**
 * Order of a parameter's elements in memory.
 *
 * @throws VisslError when it has holes or another order: fused updates walk plain memory
 */
export function layoutOf(param: Tensor): MemoryFormat {
  if (param.isContiguous()) return 'contiguous'
  if (param.isContiguous('channels_last')) return 'channels_last'
  throw new VisslError(
    ExitCode.usage,
    `a parameter of shape [${param.shape.join(', ')}] is not contiguous`,
    'make it from a contiguous tensor',
  )
}

/**
 * Gives a gradient or state the layout of its parameter; itself where it has that already, as all gradients of
 * backward have.
 *
 * @throws VisslError when shape or dtype differ
 */
export function aligned(param: Tensor, other: Tensor, layout: MemoryFormat, what: string): Tensor {
  checkSameShape(param, other, what)
  if (param.dtype !== other.dtype) {
    throw new VisslError(ExitCode.internal, `${what} is ${other.dtype}, its parameter ${param.dtype}`)
  }
  return other.isContiguous(layout) ? other : other.contiguous({ memory_format: layout })
}

/** @throws VisslError when the shapes differ: fused updates trust their caller */
export function checkSameShape(param: Tensor, other: Tensor, what: string): void {
  const expected = param.shape
  const got = other.shape
  if (expected.length === got.length && expected.every((size, i) => size === got[i])) return
  throw new VisslError(
    ExitCode.data,
    `${what} has shape [${got.join(', ')}], its parameter [${expected.join(', ')}]`,
  )
}
