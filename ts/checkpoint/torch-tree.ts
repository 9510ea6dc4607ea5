import { ExitCode, VisslError } from '../errors.ts'
import {
  dictEntries,
  Float,
  orderedDict,
  orderedDictAttributes,
  Placeholder,
  type StoredDtype,
  StoredTensor,
  type TorchObject,
  type TorchValue,
  Tuple,
} from './torch-value.ts'

/** The form in which a value crosses to the addon; described in crates/checkpoint/src/json.rs. */
type Scalar = null | boolean | string | number | ['f', number | string] | ['i', string] | ['b' | 'n', number]
type TreeNode = [tag: string, ...rest: unknown[]]
type Tree = { root: Scalar; nodes: TreeNode[] }

const maxDepth = 512

/** Takes a value apart for the addon. @throws VisslError that names the place of what cannot be stored */
export function encodeTree(value: TorchValue): { tree: string; buffers: Uint8Array[] } {
  const nodes: TreeNode[] = []
  const buffers: Uint8Array[] = []
  const nodeOf = new Map<object, number>()
  const bufferOf = new Map<ArrayBufferLike, Map<string, number>>()
  const open = new Set<object>()

  const reject = (path: readonly string[], what: string, fix: string): never => {
    throw new VisslError(
      ExitCode.internal,
      `cannot save ${path.length === 0 ? 'the value' : path.join('')}: ${what}`,
      fix,
    )
  }

  /** The same bytes are stored once, so tied tensors stay tied. */
  const buffer = (bytes: Uint8Array): number => {
    const ranges = bufferOf.get(bytes.buffer) ?? new Map<string, number>()
    bufferOf.set(bytes.buffer, ranges)
    const range = `${bytes.byteOffset}+${bytes.byteLength}`
    let index = bytes.byteLength === 0 ? undefined : ranges.get(range)
    if (index === undefined) {
      index = buffers.push(bytes) - 1
      ranges.set(range, index)
    }
    return index
  }

  const key = (value: TorchValue, path: string[]): Scalar => {
    const hashable =
      value === null ||
      typeof value !== 'object' ||
      value instanceof Float ||
      value instanceof Tuple ||
      value instanceof Uint8Array
    if (!hashable) reject(path, 'a key is a container', 'use strings, numbers or tuples as keys')
    return scalar(value, path)
  }

  const scalar = (value: TorchValue, path: string[]): Scalar => {
    if (value === null || typeof value === 'boolean') return value
    if (typeof value === 'string') {
      // Lone surrogates have no UTF-8 form.
      if (/\p{Surrogate}/u.test(value)) reject(path, 'the text is not valid Unicode', 'store it as bytes')
      return value
    }
    if (typeof value === 'number') {
      return Number.isSafeInteger(value) && !Object.is(value, -0) ? value : float(value)
    }
    if (typeof value === 'bigint')
      return ['i', `${value < 0n ? '-' : ''}0x${(value < 0n ? -value : value).toString(16)}`]
    if (typeof value !== 'object') {
      return reject(path, `${typeof value} has no Python form`, 'use null for None, or leave the entry out')
    }
    if (value instanceof Float) return float(value.value)
    if (value instanceof Uint8Array) return ['b', buffer(value)]
    return ['n', node(value, path)]
  }

  const node = (value: Exclude<TorchValue, Scalar | bigint | Float | Uint8Array>, path: string[]): number => {
    const known = nodeOf.get(value)
    if (known !== undefined) return known
    if (open.has(value)) reject(path, 'it holds itself', 'break the cycle')
    if (open.size >= maxDepth) reject([], `it is nested more than ${maxDepth} deep`, 'store a flatter value')
    open.add(value)
    const made = makeNode(value, path)
    open.delete(value)
    const id = nodes.push(made) - 1
    nodeOf.set(value, id)
    return id
  }

  const inside = <T>(path: string[], step: string, run: () => T): T => {
    path.push(step)
    const result = run()
    path.pop()
    return result
  }

  const items = (values: Iterable<TorchValue>, path: string[]): Scalar[] =>
    Array.from(values, (item, i) => inside(path, `[${i}]`, () => scalar(item, path)))

  const makeNode = (value: object, path: string[]): TreeNode => {
    if (value instanceof StoredTensor) {
      const { dtype, shape, bytes, requiresGrad, parameter } = value
      return ['tensor', dtype, buffer(bytes), shape, requiresGrad, parameter]
    }
    if (value instanceof Tuple) return ['tuple', ...items(value.items, path)]
    if (Array.isArray(value)) return ['list', ...items(value, path)]
    if (value instanceof Set) {
      const keys = Array.from(value as Set<TorchValue>, (item) => key(item, path))
      return ['set', ...keys]
    }
    if (value instanceof Placeholder) {
      reject(path, `an object of class ${value.className} cannot be written`, 'replace it by plain values')
    }
    const prototype: unknown = Object.getPrototypeOf(value)
    if (!(value instanceof Map) && prototype !== Object.prototype && prototype !== null) {
      const name = value.constructor?.name ?? 'unknown'
      reject(
        path,
        `an object of class ${name} has no Python form`,
        'use plain objects, arrays and StoredTensor',
      )
    }
    const attributes = orderedDictAttributes(value)
    const flat: Scalar[] = []
    for (const [name, item] of dictEntries(value as TorchObject | Map<TorchValue, TorchValue>)) {
      const step = typeof name === 'string' ? `.${name}` : `[${String(name)}]`
      inside(path, step, () => flat.push(key(name, path), scalar(item, path)))
    }
    const extra = attributes === undefined ? null : inside(path, '.__dict__', () => scalar(attributes, path))
    return ['dict', attributes !== undefined, extra, ...flat]
  }

  const root = scalar(value, [])
  return { tree: JSON.stringify({ root, nodes } satisfies Tree), buffers }
}

function float(value: number): Scalar {
  if (Number.isNaN(value)) return ['f', 'nan']
  if (Object.is(value, -0)) return ['f', '-0']
  return ['f', Number.isFinite(value) ? value : value > 0 ? 'inf' : '-inf']
}

/** Puts together what the addon read. Shared objects stay shared. */
export function decodeTree(text: string, buffers: readonly Uint8Array[], exactFloats: boolean): TorchValue {
  const { root, nodes } = JSON.parse(text) as Tree
  const built: TorchValue[] = new Array(nodes.length)
  const done = new Uint8Array(nodes.length)

  const scalar = (value: Scalar): TorchValue => {
    if (!Array.isArray(value)) return value
    const [tag, of] = value
    if (tag === 'f') {
      const number =
        typeof of === 'number' ? of : of === 'nan' ? Number.NaN : of === 'inf' ? Infinity : -Infinity
      return exactFloats ? new Float(number) : number
    }
    if (tag === 'i') return of.startsWith('-') ? -BigInt(of.slice(1)) : BigInt(of)
    return tag === 'b' ? buffers[of]! : node(of)
  }

  // The addon refuses files that nest deeper than 512.
  const node = (id: number): TorchValue => {
    if (done[id] === 0) {
      built[id] = makeNode(nodes[id]!)
      done[id] = 1
    }
    return built[id]!
  }

  const list = (values: unknown): TorchValue[] => (values as Scalar[]).map(scalar)

  const makeNode = ([tag, ...rest]: TreeNode): TorchValue => {
    switch (tag) {
      case 'list':
        return list(rest)
      case 'tuple':
        return new Tuple(list(rest))
      case 'set':
        return new Set(list(rest))
      case 'dict': {
        const [ordered, attributes, ...flat] = rest as [boolean, Scalar, ...Scalar[]]
        const dict = makeDict(pairs(list(flat)))
        return ordered ? orderedDict(dict, scalar(attributes)) : dict
      }
      case 'tensor': {
        const [dtype, buffer, shape, requiresGrad, parameter, start, length] = rest as [
          StoredDtype,
          number,
          number[],
          boolean,
          boolean,
          number,
          number,
        ]
        const bytes = buffers[buffer]!.subarray(start, start + length)
        return new StoredTensor(dtype, shape, bytes, { requiresGrad, parameter })
      }
      case 'global':
        return new Placeholder(rest[0] as string, true)
      default: {
        const [className, args, state, items, entries] = rest as [string, Scalar, Scalar, Scalar[], Scalar[]]
        const placeholder = new Placeholder(className, false)
        placeholder.args = scalar(args)
        placeholder.state = scalar(state)
        placeholder.items = list(items)
        placeholder.entries = pairs(list(entries))
        return placeholder
      }
    }
  }

  return scalar(root)
}

function pairs(flat: TorchValue[]): [TorchValue, TorchValue][] {
  return Array.from({ length: flat.length / 2 }, (_, i) => [flat[2 * i]!, flat[2 * i + 1]!])
}

/** A plain object where all keys are strings that keep their order in one; a Map otherwise. */
function makeDict(entries: [TorchValue, TorchValue][]): TorchObject | Map<TorchValue, TorchValue> {
  // Objects move keys like '0' to the front.
  if (!entries.every(([key]) => typeof key === 'string' && !/^(0|[1-9]\d*)$/.test(key)))
    return new Map(entries)
  return Object.fromEntries(entries) as TorchObject
}
