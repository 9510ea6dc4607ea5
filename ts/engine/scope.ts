import { ExitCode, VisslError } from '../errors.ts'
import { buffers, growArguments, native } from './native.ts'

/** What a scope needs to know of a tensor; `Tensor` implements it. */
export interface Scoped {
  /** 0 once freed. */
  handle: number
  /** Lives until `free()`, whatever scope made it. */
  kept: boolean
  /** Left every scope: the finalisation registry watches over it. */
  watched: boolean
}

let current: Scoped[] | undefined

/** Tensors outside every scope at which a warning is due; doubles each time. */
let warnAt = 20_000
let watchedCount = 0

const registry = new FinalizationRegistry<number>((handle) => {
  watchedCount--
  native().free(handle)
})

/** Registers a new tensor with the scope that is open, or with the garbage collector when none is. */
export function adopt(tensor: Scoped): void {
  if (current !== undefined) current.push(tensor)
  else watch(tensor)
}

function watch(tensor: Scoped): void {
  tensor.watched = true
  registry.register(tensor, tensor.handle, tensor)
  watchedCount++
  if (watchedCount >= warnAt) {
    warnAt *= 2
    process.emitWarning(
      `${watchedCount} tensors live outside any scope: wrap the work in scope(() => …) or free them`,
      'VisslMemoryWarning',
    )
  }
}

/** Ends the watch over a tensor that is freed or taken over. */
export function unwatch(tensor: Scoped): void {
  if (!tensor.watched) return
  tensor.watched = false
  watchedCount--
  registry.unregister(tensor)
}

/**
 * Runs `work` and frees every tensor made in it, except those it returns (also inside arrays, maps and plain
 * objects) and those it `keep()`s. Scopes nest; a returned tensor belongs to the scope around.
 *
 * @throws VisslError when `work` is asynchronous: its tensors would be freed while it still runs
 */
export function scope<T>(work: () => T): T {
  const outer = current
  const mine: Scoped[] = []
  current = mine
  let escaping: Set<unknown> | undefined
  try {
    const result = work()
    if (result instanceof Promise) {
      throw new VisslError(ExitCode.internal, 'scope() needs a synchronous function', 'await outside of the scope')
    }
    escaping = new Set()
    collect(result, escaping)
    return result
  } finally {
    current = outer
    let count = 0
    for (const tensor of mine) {
      if (tensor.handle === 0 || tensor.kept) continue
      if (escaping?.has(tensor)) {
        if (outer !== undefined) outer.push(tensor)
        else watch(tensor)
        continue
      }
      if (count === buffers.args.length) growArguments(count + 1)
      buffers.args[count++] = tensor.handle
      tensor.handle = 0
    }
    if (count > 0) native().freeMany(count)
  }
}

/** Whether a scope is open. */
export function inScope(): boolean {
  return current !== undefined
}

function collect(value: unknown, into: Set<unknown>): void {
  if (typeof value !== 'object' || value === null || into.has(value)) return
  into.add(value)
  if ('handle' in value && 'kept' in value) return
  if (Array.isArray(value)) for (const item of value) collect(item, into)
  else if (value instanceof Map || value instanceof Set) for (const item of value.values()) collect(item, into)
  else if (Object.getPrototypeOf(value) === Object.prototype || Object.getPrototypeOf(value) === null) {
    for (const item of Object.values(value)) collect(item, into)
  }
}
