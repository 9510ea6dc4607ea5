import { TorchTypeError } from './errors.ts'
import { ARGUMENTS_AT, buffers, callOperator, failure, growArguments, native, RESULTS_AT } from './native.ts'
import {
  accepts,
  linesOf,
  type Overload,
  type Parameter,
  parseOverload,
  typeName,
} from './operator-schema.ts'
import { dtypeNumbers, layoutNumbers, memoryFormatNumbers, parseDevice, Tag } from './protocol.ts'
import { Generator, Tensor, TypedNumber } from './tensor.ts'

const HANDLE_MIN = 2 ** 32

const strings = new Map<string, number>()

/** Writes one value at `at` and returns where the next goes; the native side checks the type again. */
function encode(parameter: Parameter, value: unknown, at: number): number {
  const args = buffers.args
  if (value instanceof Tensor) {
    args[at] = Tag.tensor
    args[at + 1] = value.handle
    return at + 2
  }
  switch (typeof value) {
    case 'undefined':
      args[at] = Tag.default
      return at + 1
    case 'number': {
      // A whole number is an integer where the schema leaves it open, a float where it says float.
      // A scalar beyond 2^53 can only be meant as a float.
      const whole = parameter.code === 'N' ? Number.isSafeInteger(value) : Number.isInteger(value)
      args[at] = whole && parameter.code !== 'F' ? Tag.int : Tag.float
      args[at + 1] = value
      return at + 2
    }
    case 'boolean':
      args[at] = Tag.bool
      args[at + 1] = value ? 1 : 0
      return at + 2
    case 'bigint':
      args[at] = Tag.bigint
      args[at + 1] = Number(BigInt.asIntN(32, value >> 32n))
      args[at + 2] = Number(BigInt.asUintN(32, value))
      return at + 3
    case 'string':
      return encodeString(parameter, value, at)
  }
  if (value === null) {
    args[at] = Tag.none
    return at + 1
  }
  if (Array.isArray(value)) return encodeList(parameter, value, at)
  if (value instanceof TypedNumber) {
    args[at] = value.kind === 'int' ? Tag.int : Tag.float
    args[at + 1] = value.value
    return at + 2
  }
  if (value instanceof Generator) {
    args[at] = Tag.generator
    args[at + 1] = value.index
    return at + 2
  }
  throw new TypeError(
    `argument '${parameter.name}' cannot be a ${Object.prototype.toString.call(value).slice(8, -1)}`,
  )
}

function encodeString(parameter: Parameter, value: string, at: number): number {
  const args = buffers.args
  const number =
    parameter.code === 'Y'
      ? dtypeNumbers[value as keyof typeof dtypeNumbers]
      : parameter.code === 'M'
        ? memoryFormatNumbers[value as keyof typeof memoryFormatNumbers]
        : parameter.code === 'L'
          ? layoutNumbers[value as keyof typeof layoutNumbers]
          : undefined
  if (number !== undefined) {
    args[at] = Tag.int
    args[at + 1] = number
    return at + 2
  }
  if (parameter.code === 'D') {
    const device = parseDevice(value)
    if (device === null)
      throw new TypeError(`argument '${parameter.name}': '${value}' is no device; use cpu or cuda:0`)
    args[at] = Tag.device
    args[at + 1] = device[0]
    args[at + 2] = device[1]
    return at + 3
  }
  if (parameter.code !== 'S') throw new TypeError(`argument '${parameter.name}' cannot be '${value}'`)
  let index = strings.get(value)
  if (index === undefined) {
    index = native().intern(value)
    if (index === -1) throw failure('string')
    strings.set(value, index)
  }
  args[at] = Tag.string
  args[at + 1] = index
  return at + 2
}

function encodeList(parameter: Parameter, list: unknown[], at: number): number {
  if (at + list.length + 64 > buffers.args.length) growArguments(at + list.length + 64)
  const args = buffers.args
  const tensors = parameter.code === 't' || parameter.code === 'u'
  args[at] = tensors
    ? Tag.tensorList
    : parameter.code === 'b'
      ? Tag.boolList
      : parameter.code === 'i'
        ? Tag.intList
        : Tag.floatList
  args[at + 1] = list.length
  let next = at + 2
  for (const item of list) {
    if (item instanceof Tensor && tensors) args[next++] = item.handle
    else if (item === null && parameter.code === 'u') args[next++] = -1
    else if (typeof item === 'number' && !tensors) args[next++] = item
    else if (typeof item === 'bigint' && parameter.code === 'i') args[next++] = Number(item)
    else if (typeof item === 'boolean' && parameter.code === 'b') args[next++] = item ? 1 : 0
    else throw new TypeError(`argument '${parameter.name}' holds an element that does not fit`)
  }
  return next
}

const isOptions = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype

/** Lines the arguments of a call up with an overload's parameters; undefined when they do not fit. */
function bind(
  overload: Overload,
  self: Tensor | undefined,
  args: unknown[],
  strict: boolean,
): unknown[] | undefined {
  const { parameters, positional } = overload
  if (self !== undefined && overload.self < 0) return undefined
  const last = args.length - 1
  const options = last >= 0 && isOptions(args[last]) ? (args[last] as Record<string, unknown>) : undefined
  const given = options === undefined ? args.length : last
  const values: unknown[] = []
  let used = 0
  for (let k = 0; k < positional; k++) {
    if (self !== undefined && k === overload.self) values.push(self)
    else if (used < given) values.push(args[used++])
    else values.push(undefined)
  }
  if (used < given) return undefined
  if (options !== undefined) {
    for (const key in options) {
      const k = parameters.findIndex((parameter) => parameter.name === key)
      if (k < 0 || (k < positional && values[k] !== undefined)) return undefined
      values[k] = options[key]
    }
  }
  if (!strict) return values
  for (let k = 0; k < parameters.length; k++) if (!accepts(parameters[k]!, values[k])) return undefined
  return values
}

function execute(overload: Overload, values: unknown[]): unknown {
  let at = ARGUMENTS_AT
  const parameters = overload.parameters
  // Trailing parameters that were not given need no encoding: the native side fills in the defaults.
  const count = Math.min(values.length, parameters.length)
  try {
    for (let k = 0; k < count; k++) at = encode(parameters[k]!, values[k], at)
  } catch (error) {
    throw new TorchTypeError(overload.name, (error as Error).message)
  }
  if (overload.index < 0) {
    overload.index = native().operator(`aten::${overload.name}`, overload.overload)
    if (overload.index === -1) throw failure(overload.name)
  }
  const result = callOperator(overload.index, at - ARGUMENTS_AT)
  if (result >= HANDLE_MIN) return new Tensor(result)
  if (result === -1) throw failure(overload.name, () => describeValues(values))
  return result === 0 ? undefined : decode(result, values)
}

function decode(length: number, values: unknown[]): unknown {
  const results = buffers.results
  const decoded: unknown[] = []
  const end = length + RESULTS_AT
  let at = RESULTS_AT
  while (at < end) {
    const tag = results[at++]
    if (tag === Tag.none) decoded.push(null)
    else if (tag === Tag.tensor) decoded.push(new Tensor(results[at++]!))
    else if (tag === Tag.same) decoded.push(values[results[at++]!])
    else if (tag === Tag.bool) decoded.push(results[at++] !== 0)
    else if (tag === Tag.tensorList) {
      const count = results[at++]!
      const list: (Tensor | null)[] = []
      for (let k = 0; k < count; k++) {
        const handle = results[at++]!
        list.push(handle < 0 ? null : new Tensor(handle))
      }
      decoded.push(list)
    } else if (tag === Tag.intList) {
      const count = results[at++]!
      decoded.push(Array.from(results.subarray(at, at + count)))
      at += count
    } else decoded.push(results[at++])
  }
  return decoded.length === 1 ? decoded[0] : decoded
}

function describeValues(values: unknown[]): string {
  const parts = values.filter((value) => value !== undefined).map(describeValue)
  return `(${parts.join(', ')})`
}

function describeValue(value: unknown): string {
  if (value instanceof Tensor) return value.describe()
  if (Array.isArray(value)) {
    const shown = value.slice(0, 4).map(describeValue).join(', ')
    return value.length > 4 ? `[${shown}, … ${value.length}]` : `[${shown}]`
  }
  return typeof value === 'string' ? `'${value}'` : String(value)
}

/** A callable for one operator name: as a function, or as a method whose tensor is `self`. */
export type OperatorCall = (self: Tensor | undefined, args: unknown[]) => unknown

/** Prepares an operator name; throws when no schema has it. */
export function compile(name: string): OperatorCall {
  const overloads = linesOf(name).map(parseOverload)
  if (overloads.length === 0) throw new TorchTypeError(name, 'there is no such operator')
  if (overloads.length === 1) {
    const only = overloads[0]!
    return (self, args) => {
      const values = bind(only, self, args, false)
      if (values === undefined) throw noMatch(name, overloads, self, args)
      return execute(only, values)
    }
  }
  return (self, args) => {
    for (const overload of overloads) {
      const values = bind(overload, self, args, true)
      if (values !== undefined) return execute(overload, values)
    }
    throw noMatch(name, overloads, self, args)
  }
}

function noMatch(
  name: string,
  overloads: Overload[],
  self: Tensor | undefined,
  args: unknown[],
): TorchTypeError {
  const got = args
    .map((arg) => (isOptions(arg) ? `{${Object.keys(arg).join(', ')}}` : describeValue(arg)))
    .join(', ')
  const shown = overloads.slice(0, 6).map((overload) => {
    const list = overload.parameters
      .filter((_, k) => self === undefined || k !== overload.self)
      .map((p) => `${p.keyword ? '*' : ''}${p.name}${p.hasDefault || p.optional ? '?' : ''}: ${typeName(p)}`)
    return `${name}(${list.join(', ')})`
  })
  return new TorchTypeError(name, `the arguments (${got}) do not fit\n  ${shown.join('\n  ')}`)
}
