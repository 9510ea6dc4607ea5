import { gradientsOf, type MemoryFormat, type Parameter, type Tensor } from '../engine/index.ts'
import { ExitCode, VisslError } from '../errors.ts'

/** State of one parameter in a state dictionary, under PyTorch's names. */
export type ParameterState = Record<string, Tensor | number>

interface Entry {
  layout: MemoryFormat
  readonly numbers: Map<string, number>
  readonly tensors: Map<string, { value: Tensor; layout: MemoryFormat }>
}

/**
 * What an optimizer remembers of each parameter: how often it was updated, and tensors of the parameter's shape such
 * as its momentum, kept in its layout even when that changes.
 */
export class OptimizerMemory {
  readonly #entries = new Map<Parameter, Entry>()

  /**
   * Tells in what layout a parameter lies from now on.
   *
   * @throws VisslError when it has holes or another order: fused updates walk plain memory
   */
  setLayout(param: Parameter, layout: MemoryFormat | null): void {
    if (layout === null) {
      throw new VisslError(
        ExitCode.usage,
        `a parameter of shape [${param.shape.join(', ')}] is not contiguous`,
        'make it from a contiguous tensor',
      )
    }
    this.#entry(param).layout = layout
  }

  /** Counts an update. @returns how many there have been, from 1 */
  count(param: Parameter): number {
    const numbers = this.#entry(param).numbers
    const step = (numbers.get('step') ?? 0) + 1
    numbers.set('step', step)
    return step
  }

  /** A number under a name, `initial` at first. */
  number(param: Parameter, name: string, initial: number): number {
    return this.#entries.get(param)?.numbers.get(name) ?? initial
  }

  setNumber(param: Parameter, name: string, value: number): void {
    this.#entry(param).numbers.set(name, value)
  }

  has(param: Parameter, name: string): boolean {
    return this.#entries.get(param)?.tensors.has(name) === true
  }

  /** A tensor for each parameter, every element `initial` at first. */
  tensors(params: readonly Parameter[], name: string, initial = 0): Tensor[] {
    return params.map((param) => this.tensor(param, name, initial))
  }

  /** A tensor in the parameter's shape, dtype and layout, every element `initial` at first. */
  tensor(param: Parameter, name: string, initial = 0): Tensor {
    const { tensors, layout } = this.#entry(param)
    const known = tensors.get(name)
    if (known?.layout === layout) return known.value
    const value = param.detach().clone({ memory_format: layout }).keep()
    if (known === undefined) value.fill_(initial)
    else value.copy_(known.value)
    known?.value.free()
    tensors.set(name, { value, layout })
    return value
  }

  /** The optimizer's own tensors; undefined before the parameter's first update. */
  stateOf(param: Parameter): ParameterState | undefined {
    const entry = this.#entries.get(param)
    if (entry === undefined || (entry.numbers.size === 0 && entry.tensors.size === 0)) return undefined
    const tensors = Array.from(entry.tensors, ([name, { value }]) => [name, value] as const)
    return Object.fromEntries<Tensor | number>([...entry.numbers, ...tensors])
  }

  /** Takes over copies of a state's numbers and tensors; PyTorch stores numbers as tensors without dimensions. */
  restore(param: Parameter, state: Readonly<ParameterState>): void {
    this.setLayout(param, gradientsOf([param])[0]!.layout)
    for (const [name, value] of Object.entries(state)) {
      if (typeof value === 'number') this.setNumber(param, name, value)
      else if (isNumber(param, name, value)) this.setNumber(param, name, value.item())
      else this.tensor(param, name).copy_(value)
    }
  }

  free(): void {
    for (const { tensors } of this.#entries.values()) for (const { value } of tensors.values()) value.free()
    this.#entries.clear()
  }

  #entry(param: Parameter): Entry {
    let entry = this.#entries.get(param)
    if (entry === undefined) {
      entry = { layout: 'contiguous', numbers: new Map(), tensors: new Map() }
      this.#entries.set(param, entry)
    }
    return entry
  }
}

/**
 * Looks at a state before it is restored.
 *
 * @throws VisslError when a tensor has another shape than the parameter
 */
export function checkState(param: Parameter, state: Readonly<ParameterState>): void {
  for (const [name, value] of Object.entries(state)) {
    if (typeof value === 'number' || isNumber(param, name, value)) continue
    const [expected, got] = [param.shape, value.shape]
    if (expected.length === got.length && expected.every((size, i) => size === got[i])) continue
    throw new VisslError(
      ExitCode.data,
      `the optimizer's state "${name}" has shape [${got.join(', ')}], its parameter [${expected.join(', ')}]`,
    )
  }
}

/** Whether a tensor stands for a number rather than for a value of each element of the parameter. */
function isNumber(param: Parameter, name: string, value: Tensor): boolean {
  return value.numel === 1 && (name === 'step' || (value.shape.length === 0 && param.shape.length > 0))
}
