import type { Tensor } from '../engine/index.ts'
import { Module } from './module.ts'

/** A module that takes one tensor and gives one. */
export interface TensorModule extends Module {
  forward(input: Tensor): Tensor
}

/**
 * Modules run one after another. Children are called `0`, `1`, …, or by the keys of the map they are given in. What
 * a child returns is freed as soon as the next one has used it.
 */
export class Sequential extends Module {
  readonly #children: Map<string, TensorModule>
  readonly #order: TensorModule[]

  constructor(children: Iterable<TensorModule> | Readonly<Record<string, TensorModule>> = []) {
    super()
    const entries: [string, TensorModule][] =
      Symbol.iterator in children
        ? Array.from(children as Iterable<TensorModule>, (child, i) => [String(i), child])
        : Object.entries(children)
    this.#children = new Map(entries)
    this.#order = [...this.#children.values()]
  }

  override *namedChildren(): Generator<[string, Module]> {
    yield* this.#children
  }

  get length(): number {
    return this.#order.length
  }

  /** The child of that name, or at that place. */
  at(name: string | number): TensorModule | undefined {
    return typeof name === 'number' ? this.#order.at(name) : this.#children.get(name)
  }

  [Symbol.iterator](): IterableIterator<TensorModule> {
    return this.#order[Symbol.iterator]()
  }

  override forward(input: Tensor): Tensor {
    let x = input
    let observed = true
    for (const child of this.#order) {
      const next: Tensor = child.call(x)
      if (next !== x && !observed) x.free()
      observed = child.hooked || (next === x && observed)
      x = next
    }
    return x
  }

  /** The children free their own intermediates, so no scope is needed. */
  override call(...inputs: Parameters<this['forward']>): ReturnType<this['forward']> {
    const output = this.forward(...(inputs as [Tensor]))
    return (this.hooked ? this.finish(inputs, output) : output) as ReturnType<this['forward']>
  }
}

/** A list of modules called `0`, `1`, … that its owner runs. */
export class ModuleList<M extends Module = Module> extends Module {
  readonly #children: M[]

  constructor(children: Iterable<M> = []) {
    super()
    this.#children = [...children]
  }

  override *namedChildren(): Generator<[string, M]> {
    for (const [i, child] of this.#children.entries()) yield [String(i), child]
  }

  append(child: M): this {
    this.#children.push(child)
    return this
  }

  get length(): number {
    return this.#children.length
  }

  at(index: number): M | undefined {
    return this.#children.at(index)
  }

  [Symbol.iterator](): IterableIterator<M> {
    return this.#children[Symbol.iterator]()
  }

  override forward(): never {
    throw new TypeError('a ModuleList is not called; its owner calls the modules in it')
  }
}
