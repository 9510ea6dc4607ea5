import { readFileSync } from 'node:fs'
import { computeThreads, scope, type Tensor, tensor } from '../../ts/engine/index.ts'
import { buildLoss, type Loss } from '../../ts/losses/index.ts'
import { load, type NpyArray, readNpz } from '../nn/npz.ts'
import { flat } from '../nn/numbers.ts'

// Tensors here are small: waking other threads costs more than they give.
computeThreads(1)

/** A case of golden/losses/cases.json. */
export interface Row {
  readonly config: { readonly name: string } & Readonly<Record<string, unknown>>
  readonly loss?: number | string
  readonly losses_earlier_steps?: readonly number[]
  readonly error?: { readonly message: string }
  readonly state_dict?: Readonly<Record<string, readonly number[]>>
  readonly start_idx_after?: number
}

/** The cases of a loss and its arrays. */
export interface Golden {
  readonly rows: readonly (readonly [name: string, row: Row])[]
  readonly arrays: Map<string, NpyArray>
}

export function goldenOf(loss: string): Golden {
  const path = new URL('../golden/losses/cases.json', import.meta.url)
  const cases: Record<string, Record<string, Row>> = JSON.parse(readFileSync(path, 'utf8'))
  return { rows: Object.entries(cases[loss]!), arrays: readNpz(`losses/${loss}.npz`) }
}

/** The loss of a case. */
export function lossOf<T extends Loss>({ name, ...params }: Row['config']): T {
  return buildLoss({ name, [name]: params }) as T
}

/** A leaf that records, from an array of the file or from plain numbers. */
export function leaf(value: Tensor): Tensor {
  const own = value.detach().clone()
  own.requiresGrad = true
  return own
}

/** `input0`, `input1`, … of a case, or `input`, as leaves. */
export function inputsOf({ arrays }: Golden, name: string, stem = 'input'): Tensor[] {
  const inputs: Tensor[] = []
  for (let i = 0; arrays.has(`${name}/${stem}${i}`); i++)
    inputs.push(leaf(load(arrays, `${name}/${stem}${i}`)))
  if (inputs.length === 0) inputs.push(leaf(load(arrays, `${name}/${stem}`)))
  return inputs
}

/**
 * Largest difference between the gradient of `value` at `at` and central differences, over the largest gradient.
 *
 * @param value of float64 tensors of the shapes of `at`; a scalar
 */
export function gradientError(value: (...inputs: Tensor[]) => Tensor, at: readonly Tensor[]): number {
  return scope(() => {
    const inputs = at.map((each) => leaf(each.to('float64')))
    value(...inputs).backward()
    let worst = 0
    let scale = 1e-12
    for (const [k, input] of inputs.entries()) {
      const gradient = input.grad === null ? new Array(input.numel).fill(0) : flat(input.grad)
      const values = flat(input)
      for (const [i, expected] of gradient.entries()) {
        const moved = (step: number) =>
          scope(() => {
            const shifted = Float64Array.from(values)
            shifted[i] = shifted[i]! + step
            const others = inputs.map((each, j) =>
              j === k ? tensor(shifted, { shape: input.shape }) : each.detach(),
            )
            return value(...others).item()
          })
        const numeric = (moved(1e-5) - moved(-1e-5)) / 2e-5
        worst = Math.max(worst, Math.abs(numeric - expected))
        scale = Math.max(scale, Math.abs(expected))
      }
    }
    return worst / scale
  })
}

export const close = (got: number, expected: number, tolerance = 1e-6): boolean =>
  (Number.isNaN(got) && Number.isNaN(expected)) ||
  Math.abs(got - expected) <= tolerance * Math.max(1, Math.abs(expected))
