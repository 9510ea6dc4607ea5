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

/** What the goldens fill an entry with: a · v, or a · |v|, + b. */
function rule(name: string, shape: readonly number[], numel: number): [a: number, b: number, abs: boolean] {
  if (name.endsWith('running_mean')) return [0.1, 0, false]
  if (name.endsWith('running_var')) return [0.5, 1, true]
  if (shape.length >= 2) return [Math.sqrt(6 / (numel / shape[0]!)), 0, false]
  return name.endsWith('weight') ? [0.1, 1, false] : [0.1, 0, false]
}

/** Fills every entry of a module's state as the goldens have it. */
export function hashFill(module: Module): void {
  for (const [j, [name, value]] of Object.entries(module.stateDict()).entries()) {
    if (value.dtype !== 'float32') continue
    const { shape, numel } = value
    const [a, b, abs] = rule(name, shape, numel)
    using source = tensor(hashValues(numel, j), { shape })
    noGrad(() => value.copy_((abs ? source.abs_() : source).mul_(a).add_(b)))
  }
}

/** Images of the goldens. */
export function hashInput(shape: readonly number[]): Tensor {
  const count = shape.reduce((product, size) => product * size, 1)
  return tensor(new Float32Array(hashValues(count, 999999)), { shape })
}
