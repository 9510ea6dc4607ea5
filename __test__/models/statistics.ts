import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import type { Tensor } from '../../ts/engine/index.ts'
import { flat } from '../nn/numbers.ts'

/** What the goldens say of a tensor. */
export interface Stat {
  shape: number[]
  mean: number
  std: number
  l2: number
  first16: number[]
  last4: number[]
}

/** The rows of a compressed file of goldens. */
export function rowsOf<T>(name: string): T[] {
  return gunzipSync(readFileSync(new URL(`../golden/models/${name}`, import.meta.url)))
    .toString()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as T)
}

/**
 * What differs between a tensor and a golden by more than `tolerance` of its usual values; nothing if all is well.
 *
 * @param single tolerance of single elements, where rounding has been amplified
 */
export function mismatch(
  tensor: Tensor,
  stat: Stat,
  tolerance: number,
  single = tolerance,
): string | undefined {
  const values = flat(tensor)
  if (tensor.shape.join() !== stat.shape.join())
    return `shape ${tensor.shape.join()}, not ${stat.shape.join()}`
  const count = values.length
  const mean = values.reduce((sum, v) => sum + v, 0) / count
  const std = Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / count)
  const l2 = Math.sqrt(values.reduce((sum, v) => sum + v * v, 0))
  const scale = Math.max(stat.std, Math.abs(stat.mean))
  const first = stat.first16.map((v, i) => [`first ${i}`, values[i]!, v, scale * single] as const)
  const last = stat.last4.map((v, i) => [`last ${i}`, values[count - 4 + i]!, v, scale * single] as const)
  const whole = [
    ['mean', mean, stat.mean, scale * tolerance],
    ['std', std, stat.std, scale * tolerance],
    ['l2', l2, stat.l2, stat.l2 * tolerance],
  ] as const
  const wrong = [...whole, ...first, ...last].find(
    ([, got, expected, allowed]) => !(Math.abs(got - expected) <= allowed),
  )
  return wrong && `${wrong[0]}: ${wrong[1]}, not ${wrong[2]}`
}
