import { operatorNames } from './operator-schema.ts'
import { compile, type OperatorCall } from './operators.ts'
import type { InternalOperators, Operators } from './ops.generated.ts'
import { float, Tensor } from './tensor.ts'

const isPublic = (name: string): boolean =>
  !name.startsWith('_') && !name.endsWith('_backward') && !name.startsWith('native_')

/** Prepared at the first call; most programs use a few dozen of the names. */
function lazily(name: string): OperatorCall {
  let call: OperatorCall | undefined
  return (self, args) => {
    call ??= compile(name)
    return call(self, args)
  }
}

type Callable = Record<string, (...args: unknown[]) => unknown>

const publicOperators: Callable = {}
const internalOperators: Callable = {}

const methods = Tensor.prototype as unknown as Callable
for (const name of operatorNames()) {
  const call = lazily(name)
  const open = isPublic(name)
  ;(open ? publicOperators : internalOperators)[name] = (...args) => call(undefined, args)
  if (!open) continue
  const method = name in methods ? (name === 'to' || name === 'item' ? `_${name}` : undefined) : name
  if (method === undefined) continue
  Object.defineProperty(methods, method, {
    value(this: Tensor, ...args: unknown[]) {
      return call(this, args)
    },
    configurable: true,
    writable: true,
  })
}

/** `full` takes its dtype from the value, and JavaScript's 1.0 is 1: without a dtype the result is float32. */
const full = publicOperators.full!
publicOperators.full = (size, value, ...rest) =>
  full(size, typeof value === 'number' && !hasDtype(rest[0]) ? float(value) : value, ...rest)

const hasDtype = (options: unknown): boolean =>
  typeof options === 'object' && options !== null && (options as { dtype?: unknown }).dtype !== undefined

/** Every public ATen operator under PyTorch's name. */
export const ops = publicOperators as unknown as Operators

/**
 * Operators that trust their caller (a leading underscore, `native_`, `_backward`): wrong shapes or dtypes can end the
 * process. Check them before the call.
 */
export const internal = internalOperators as unknown as InternalOperators
