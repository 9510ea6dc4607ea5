import { noGrad, type Tensor, tensor } from '../../ts/engine/index.ts'
import type { Module } from '../../ts/nn/index.ts'

/** Pseudo-random values in [-1, 1) that depend on the position alone; see golden/models/README.md. */
export function hashValues(count: number, j: number): Float64Array {
  const values = new Float64Array(count)
  const offset = (j * 40503 + 12345) >>> 0
  for (let i = 0; i < count; i++) {
    let x = (Math.imul(i, 2654435761) + offset) >>> 0
    x ^= x >>> 16
    x = Math.imul(x, 0x7feb352d)
    x ^= x >>> 15
    x = Math.imul(x, 0x846ca68b)
    x ^= x >>> 16
    values[i] = (x >>> 0) / 2147483648 - 1
  }
  return values
}

/** Fills every entry of a module's state as the goldens have it. */
export function hashFill(module: Module): void {
  for (const [j, [name, value]] of Object.entries(module.stateDict()).entries()) {
    if (value.dtype !== 'float32') continue
    const { shape, numel } = value
    const scale = shape.length >= 2 ? Math.sqrt(6 / (numel / shape[0]!)) : 0.1
    const values = hashValues(numel, j)
    const filled = values.map((v) => {
      if (name.endsWith('running_var')) return 1 + 0.5 * Math.abs(v)
      if (name.endsWith('running_mean') || shape.length >= 2 || !name.endsWith('weight')) return scale * v
      return 1 + 0.1 * v
    })
    using source = tensor(new Float32Array(filled), { shape })
    noGrad(() => value.copy_(source))
  }
}

/** Images of the goldens. */
export function hashInput(shape: readonly number[]): Tensor {
  const count = shape.reduce((product, size) => product * size, 1)
  return tensor(new Float32Array(hashValues(count, 999999)), { shape })
}
