import { ExitCode, VisslError } from '../errors.ts'
import { describeValue } from './mistake.ts'
import { describeOrigin, type Origin, type Origins, originOf } from './origins.ts'
import { copy, deleteAt, getAt, isSame, isTree, type Path, setAt, type Tree, type Value } from './tree.ts'

/**
 * A configuration as the rules of inference see it: what they read must be there and of the right type, what they write
 * is recorded. Paths are below `config`.
 */
export class Facts {
  readonly #config: Tree
  readonly #origins: Origins | undefined

  constructor(config: Tree, origins?: Origins) {
    this.#config = config
    this.#origins = origins
  }

  /** The value; `undefined` where there is none. */
  get(path: string): Value | undefined {
    return getAt(this.#config, path.split('.'))
  }

  /** @throws VisslError when it is no finite number */
  number(path: string): number {
    const value = this.get(path)
    if (typeof value === 'number' && Number.isFinite(value)) return value
    throw this.wrong(path, 'a number')
  }

  /** @throws VisslError when it is no text */
  text(path: string): string {
    const value = this.get(path)
    return typeof value === 'string' ? value : this.#throw(path, 'text')
  }

  /** @throws VisslError when it is no list */
  list(path: string): Value[] {
    const value = this.get(path)
    return Array.isArray(value) ? value : this.#throw(path, 'a list')
  }

  /** @throws VisslError when it is no map */
  map(path: string): Tree {
    const value = this.get(path)
    return isTree(value) ? value : this.#throw(path, 'a map')
  }

  /**
   * Whether the value counts as true: as in the reference, all but false, null, 0 and what is empty.
   *
   * @throws VisslError when it is not there
   */
  flag(path: string): boolean {
    const value = this.get(path)
    if (value === undefined) throw this.wrong(path, 'true or false')
    if (Array.isArray(value)) return value.length > 0
    return isTree(value) ? Object.keys(value).length > 0 : Boolean(value)
  }

  /** Makes the value what a rule decides, key by key; what is so already keeps its origin. */
  put(path: string, value: Value, rule: string): void {
    this.#rewrite(path.split('.'), value, { kind: 'rule', rule })
  }

  /** An error for a value that a rule cannot work with; says where the value came from. */
  wrong(path: string, wanted: string): VisslError {
    const key = `config.${path}`
    const value = this.get(path)
    const origin = this.#origins === undefined ? undefined : originOf(this.#origins, key)
    const removed = value === undefined ? this.#removal(key) : undefined
    const place = origin === undefined || origin.kind === 'default' ? '' : `${describeOrigin(origin)}  `
    return new VisslError(
      ExitCode.usage,
      removed === undefined
        ? `${place}${key}: got ${describeValue(value)}, but inference needs ${wanted}`
        : `${describeOrigin(removed)}  removes ${key}, and inference needs it`,
      removed === undefined ? `give ${key} ${wanted}` : 'take that argument away',
    )
  }

  #throw(path: string, wanted: string): never {
    throw this.wrong(path, wanted)
  }

  /** What removed the key or a block that it was in. */
  #removal(key: string): Origin | undefined {
    return this.#origins?.changes
      .filter(({ path, value }) => value === undefined && `${key}.`.startsWith(`${path.join('.')}.`))
      .at(-1)
      ?.origin(key.split('.'))
  }

  #rewrite(path: Path, value: Value, origin: Origin): void {
    const existing = getAt(this.#config, path)
    if (isTree(existing) && isTree(value)) {
      for (const key of Object.keys(existing)) {
        if (Object.hasOwn(value, key)) continue
        deleteAt(this.#config, [...path, key])
        this.#origins?.removed(['config', ...path, key], origin)
      }
      for (const [key, child] of Object.entries(value)) this.#rewrite([...path, key], child, origin)
    } else if (!isSame(existing, value)) {
      setAt(this.#config, path, copy(value))
      this.#origins?.merged(['config', ...path], value, () => origin)
    }
  }
}

/** Processes of all machines. */
export function worldOf(facts: Facts): number {
  return facts.number('DISTRIBUTED.NUM_NODES') * facts.number('DISTRIBUTED.NUM_PROC_PER_NODE')
}

/** `CHECKPOINT.DIR`, with the run's id where that is asked for. */
export function folderOf(facts: Facts): string {
  const folder = facts.text('CHECKPOINT.DIR')
  const isShared = facts.flag('CHECKPOINT.APPEND_DISTR_RUN_ID') && facts.number('DISTRIBUTED.NUM_NODES') > 1
  return isShared ? `${folder}/${String(facts.get('DISTRIBUTED.RUN_ID'))}` : folder
}
