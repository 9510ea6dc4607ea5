import { didYouMean, ExitCode, VisslError } from './errors.ts'

/**
 * Named parts of one kind (losses, trunks, heads, hooks, …). Every "add your own" goes through one of these.
 *
 * @typeParam T what is registered, usually a class with a static `key`
 */
export class Registry<T> {
  readonly kind: string
  readonly #entries = new Map<string, T>()

  /** @param kind what an entry is called in messages, singular: `loss`, `trunk` */
  constructor(kind: string) {
    this.kind = kind
  }

  /** @throws VisslError when the name is taken by something else */
  register(name: string, entry: T): void {
    const existing = this.#entries.get(name)
    if (existing !== undefined && existing !== entry) {
      throw new VisslError(
        ExitCode.usage,
        `a ${this.kind} named "${name}" is registered already`,
        `give yours another key`,
      )
    }
    this.#entries.set(name, entry)
  }

  /** @throws VisslError that lists the choices when there is no such entry */
  get(name: string): T {
    const entry = this.#entries.get(name)
    if (entry !== undefined) return entry
    const names = this.names()
    const near = didYouMean(name, names)
    throw new VisslError(
      ExitCode.usage,
      `there is no ${this.kind} named "${name}"${near.length > 0 ? `; did you mean ${near.join(' or ')}?` : ''}`,
      names.length > 0 ? `known: ${names.join(', ')}` : `give the module that has it:  --plugin FILE`,
    )
  }

  has(name: string): boolean {
    return this.#entries.has(name)
  }

  names(): string[] {
    return [...this.#entries.keys()].sort()
  }
}
