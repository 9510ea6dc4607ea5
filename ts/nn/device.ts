import { type Device, type DType, ops, type Tensor } from '../engine/index.ts'

let current: Device = 'cpu'

/**
 * Runs `work` with `device` as the place of new parameters and buffers. On `meta` they have shapes and no memory, and
 * layers compute the shape of their output alone: a network of any size can be built and followed in milliseconds.
 */
export function onDevice<T>(device: Device, work: () => T): T {
  const before = current
  current = device
  try {
    return work()
  } finally {
    current = before
  }
}

/** Whether {@link onDevice} asks for shapes alone. */
export const shapesOnly = (): boolean => current === 'meta'

/** A tensor at the place of new parameters; every element is `value`, or undefined memory without one. */
export function newTensor(shape: readonly number[], value?: number, dtype: DType = 'float32'): Tensor {
  const options = { dtype, device: current }
  return value === undefined ? ops.empty([...shape], options) : ops.full([...shape], value, options)
}
