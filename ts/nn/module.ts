import { noGrad, Parameter, scope, type Tensor, TensorBuffer } from '../engine/index.ts'
import { ExitCode, VisslError } from '../errors.ts'

/** Called after a module's forward; a returned value replaces the output. */
export type ForwardHook = (module: Module, inputs: readonly unknown[], output: unknown) => unknown

/** Tensors by their full names, in PyTorch's order. */
export type StateDict = Record<string, Tensor>

/** What {@link Module.loadStateDict} found. */
export interface LoadReport {
  /** Names that were copied. */
  readonly loaded: string[]
  /** Names the module has and the dictionary lacks. */
  readonly missing: string[]
  /** Names the dictionary has and the module lacks. */
  readonly unexpected: string[]
  /** Names whose shapes differ. */
  readonly mismatched: { name: string; expected: readonly number[]; got: readonly number[] }[]
}

/** Where and how {@link Module.to} puts parameters and buffers. */
export interface Placement {
  /** `cpu`, `cuda:0`, … */
  readonly device?: string
  /** Applied to floating-point tensors only. */
  readonly dtype?: 'float32' | 'float64' | 'float16' | 'bfloat16'
  /** Applied to tensors with four dimensions only. */
  readonly memoryFormat?: 'contiguous' | 'channels_last'
}

/**
 * A part of a network. Fields that hold a `Parameter`, a `TensorBuffer` or another module belong to it, in the
 * order of their declaration; their names are the names in the state dictionary, which are PyTorch's. Private
 * (`#`) fields and every other value are left alone.
 *
 * Subclasses define `forward`; users run `call`, which frees every intermediate tensor.
 *
 * @example
 * class Projection extends Module {
 *   readonly fc = new Linear(512, 128)
 *   forward(x: Tensor): Tensor {
 *     return functional.normalize(this.fc.call(x))
 *   }
 * }
 */
export abstract class Module {
  /** Whether layers such as dropout and batch normalisation act as in training; set by `train` and `eval`. */
  training = true
  #hooks: Set<ForwardHook> | undefined

  abstract forward(...inputs: never[]): unknown

  /** Runs `forward` in a scope of its own and then the forward hooks. */
  call(...inputs: Parameters<this['forward']>): ReturnType<this['forward']> {
    const run = this.forward as (...inputs: unknown[]) => unknown
    return this.finish(
      inputs,
      scope(() => run.apply(this, inputs)),
    ) as ReturnType<this['forward']>
  }

  /** Passes an output through the forward hooks. */
  protected finish(inputs: readonly unknown[], output: unknown): unknown {
    if (this.#hooks === undefined) return output
    let result = output
    for (const hook of this.#hooks) result = hook(this, inputs, result) ?? result
    return result
  }

  /**
   * Multiplications with an addition that this module's own operators do for such a call, those of its children not
   * counted. Overridden where there are any: convolutions, matrix products.
   */
  multiplyAdds(_inputs: readonly unknown[], _output: unknown): number {
    return 0
  }

  /** Whether anything observes this module's output. */
  get hooked(): boolean {
    return this.#hooks !== undefined
  }

  /**
   * Calls `hook` after every forward. The output is valid during the hook only; to hold it longer take a handle of
   * one's own: `output.detach().keep()`.
   *
   * @returns removes the hook
   */
  registerForwardHook(hook: ForwardHook): () => void {
    this.#hooks ??= new Set()
    this.#hooks.add(hook)
    return () => {
      this.#hooks?.delete(hook)
      if (this.#hooks?.size === 0) this.#hooks = undefined
    }
  }

  /** This module's own parameters and buffers by field name. */
  *ownTensors(): Generator<[string, Parameter | TensorBuffer]> {
    for (const [name, value] of Object.entries(this)) {
      if (value instanceof Parameter || value instanceof TensorBuffer) yield [name, value]
    }
  }

  /** The direct children by name; containers override it. */
  *namedChildren(): Generator<[string, Module]> {
    for (const [name, value] of Object.entries(this)) if (value instanceof Module) yield [name, value]
  }

  /** This module and all below it, parents first; the module itself has the name `''`. */
  *namedModules(prefix = ''): Generator<[string, Module]> {
    yield [prefix, this]
    for (const [name, child] of this.namedChildren()) yield* child.namedModules(join(prefix, name))
  }

  *namedParameters(prefix = ''): Generator<[string, Parameter]> {
    for (const [name, module] of this.namedModules(prefix)) {
      for (const [field, value] of module.ownTensors()) {
        if (value instanceof Parameter) yield [join(name, field), value]
      }
    }
  }

  *namedBuffers(prefix = ''): Generator<[string, TensorBuffer]> {
    for (const [name, module] of this.namedModules(prefix)) {
      for (const [field, value] of module.ownTensors()) {
        if (value instanceof TensorBuffer) yield [join(name, field), value]
      }
    }
  }

  parameters(): Parameter[] {
    return Array.from(this.namedParameters(), ([, parameter]) => parameter)
  }

  /** Switches to training behaviour (or, with `false`, to evaluation). */
  train(training = true): this {
    this.training = training
    for (const [, child] of this.namedChildren()) child.train(training)
    return this
  }

  eval(): this {
    return this.train(false)
  }

  /** Decides for every parameter whether it is trained. */
  requiresGrad_(requiresGrad = true): this {
    for (const [, parameter] of this.namedParameters()) parameter.requiresGrad = requiresGrad
    return this
  }

  /** Moves or converts parameters and buffers in place; the `Parameter` objects stay the same. */
  to(placement: Placement): this {
    noGrad(() =>
      scope(() => {
        for (const [, module] of this.namedModules()) {
          for (const [, value] of module.ownTensors()) place(value, placement)
        }
      }),
    )
    return this
  }

  /**
   * Parameters and persistent buffers by name, in PyTorch's order: of each module first its parameters, then its
   * buffers, then its children. The tensors are the module's own, not copies.
   */
  stateDict(prefix = ''): StateDict {
    const result: StateDict = {}
    for (const [name, module] of this.namedModules(prefix)) {
      const own = [...module.ownTensors()]
      for (const [field, value] of own) if (value instanceof Parameter) result[join(name, field)] = value
      for (const [field, value] of own) {
        if (value instanceof TensorBuffer && value.persistent) result[join(name, field)] = value
      }
    }
    return result
  }

  /**
   * Copies values into parameters and buffers, converting dtype and device.
   *
   * @param options.strict refuse missing and unexpected names (default true); different shapes are always refused
   * @throws VisslError that lists what does not fit; nothing has been copied then
   */
  loadStateDict(state: Readonly<StateDict>, options: { strict?: boolean } = {}): LoadReport {
    const own = this.stateDict()
    const report = compareStates(own, state)
    const { missing, unexpected, mismatched } = report
    const problems = mismatched.map(
      ({ name, expected, got }) =>
        `${name} has shape [${got.join(', ')}], the model needs [${expected.join(', ')}]`,
    )
    if (options.strict !== false) {
      if (missing.length > 0) problems.push(`missing: ${shorten(missing)}`)
      if (unexpected.length > 0) problems.push(`unexpected: ${shorten(unexpected)}`)
    }
    if (problems.length > 0) {
      throw new VisslError(
        ExitCode.data,
        `the state does not fit the model: ${shorten(problems, '; ')}`,
        'check that the model is configured as the one that wrote the state',
      )
    }
    noGrad(() => {
      for (const name of report.loaded) own[name]!.copy_(state[name]!)
    })
    return report
  }

  /** Frees every parameter and buffer; the module is of no use afterwards. */
  free(): void {
    for (const [, module] of this.namedModules()) {
      for (const [, value] of module.ownTensors()) if (!value.isFreed) value.free()
    }
  }

  [Symbol.dispose](): void {
    this.free()
  }
}

/** A module whose forward is a single operator and therefore needs no scope of its own. */
export abstract class Layer extends Module {
  override call(...inputs: Parameters<this['forward']>): ReturnType<this['forward']> {
    const output = (this.forward as (...inputs: unknown[]) => unknown).apply(this, inputs)
    return (this.hooked ? this.finish(inputs, output) : output) as ReturnType<this['forward']>
  }
}

/** Compares the names and shapes of a module's state with those of another state. */
export function compareStates(own: Readonly<StateDict>, state: Readonly<StateDict>): LoadReport {
  const report: LoadReport = { loaded: [], missing: [], unexpected: [], mismatched: [] }
  for (const [name, target] of Object.entries(own)) {
    const source = Object.hasOwn(state, name) ? state[name] : undefined
    if (source === undefined) {
      report.missing.push(name)
      continue
    }
    const expected = target.shape
    const got = source.shape
    if (expected.length === got.length && expected.every((size, i) => size === got[i]))
      report.loaded.push(name)
    else report.mismatched.push({ name, expected, got })
  }
  for (const name of Object.keys(state)) if (!Object.hasOwn(own, name)) report.unexpected.push(name)
  return report
}

function place(tensor: Tensor, { device, dtype, memoryFormat }: Placement): void {
  let placed: Tensor = tensor
  if (device !== undefined && device !== placed.device) placed = placed.to({ device })
  if (dtype !== undefined && dtype !== placed.dtype && isFloat(placed.dtype)) placed = placed.to({ dtype })
  if (memoryFormat !== undefined && placed.shape.length === 4) placed = placed.to({ memoryFormat })
  if (placed !== tensor) tensor.set_data(placed)
}

function isFloat(dtype: string): boolean {
  return dtype.startsWith('float') || dtype === 'bfloat16'
}

function join(prefix: string, name: string): string {
  return prefix === '' ? name : `${prefix}.${name}`
}

function shorten(items: readonly string[], separator = ', '): string {
  const shown = items.slice(0, 8).join(separator)
  return items.length > 8 ? `${shown}${separator}and ${items.length - 8} more` : shown
}
