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
  /** Number of the scope that returns it; see `scope`. */
  escapes: number
}

let current: Scoped[] | undefined
let outermost: Scoped[] | undefined
let scopes = 0

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
  if (outer === undefined) outermost = mine
  const stamp = ++scopes
  try {
    const result = work()
    if (result instanceof Promise) {
      throw new VisslError(
        ExitCode.internal,
        'scope() needs a synchronous function',
        'await outside of the scope',
      )
    }
    if (typeof result === 'object' && result !== null) markEscaping(result, stamp, undefined)
    return result
  } finally {
    current = outer
    if (outer === undefined) outermost = undefined
    let count = 0
    for (const tensor of mine) {
      if (tensor.handle === 0 || tensor.kept) continue
      if (tensor.escapes === stamp) {
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

/** Runs `work` so that the tensors it makes live until the outermost open scope ends; a plain call where none is. */
export function inOutermostScope<T>(work: () => T): T {
  const before = current
  current = outermost
  try {
    return work()
  } finally {
    current = before
  }
}

/** Whether a scope is open. */
export function inScope(): boolean {
  return current !== undefined
}

const isTensor = (value: object): value is Scoped => 'handle' in value && 'escapes' in value

/** Marks the tensors in a scope's result; `seen` guards against cycles. */
function markEscaping(value: object, stamp: number, seen: Set<object> | undefined): void {
  if (isTensor(value)) {
    value.escapes = stamp
    return
  }
  const visited = seen ?? new Set()
  if (visited.has(value)) return
  visited.add(value)
  for (const item of children(value)) {
    if (typeof item === 'object' && item !== null) markEscaping(item, stamp, visited)
  }
}

function children(value: object): Iterable<unknown> {
  if (Array.isArray(value)) return value
  if (value instanceof Map || value instanceof Set) return value.values()
  const prototype = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null ? Object.values(value) : []
}
