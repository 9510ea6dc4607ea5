import { readFileSync } from 'node:fs'
import { inflateRawSync } from 'node:zlib'
import { type Tensor, tensor } from '../../ts/engine/index.ts'

export interface NpyArray {
  readonly shape: number[]
  readonly data: Float32Array | Float64Array | BigInt64Array | Int32Array
}

const TYPES = {
  '<f4': Float32Array,
  '<f8': Float64Array,
  '<i8': BigInt64Array,
  '<i4': Int32Array,
} as const

/** Reads the arrays of a numpy `.npz` file of a golden folder. */
export function readNpz(path: string): Map<string, NpyArray> {
  const file = readFileSync(new URL(`../golden/${path}`, import.meta.url))
  let end = file.length - 22
  while (file.readUInt32LE(end) !== 0x06054b50) end--
  const count = file.readUInt16LE(end + 10)
  let at = file.readUInt32LE(end + 16)
  const arrays = new Map<string, NpyArray>()
  for (let i = 0; i < count; i++) {
    const method = file.readUInt16LE(at + 10)
    const size = file.readUInt32LE(at + 20)
    const nameLength = file.readUInt16LE(at + 28)
    const local = file.readUInt32LE(at + 42)
    const name = file.toString('utf8', at + 46, at + 46 + nameLength)
    const start = local + 30 + file.readUInt16LE(local + 26) + file.readUInt16LE(local + 28)
    const bytes = file.subarray(start, start + size)
    arrays.set(name.replace(/\.npy$/, ''), parseNpy(method === 8 ? inflateRawSync(bytes) : bytes))
    at += 46 + nameLength + file.readUInt16LE(at + 30) + file.readUInt16LE(at + 32)
  }
  return arrays
}

function parseNpy(bytes: Buffer): NpyArray {
  const headerAt = bytes[6] === 1 ? 10 : 12
  const length = bytes[6] === 1 ? bytes.readUInt16LE(8) : bytes.readUInt32LE(8)
  const header = bytes.toString('latin1', headerAt, headerAt + length)
  const descr = /'descr': '([^']+)'/.exec(header)![1] as keyof typeof TYPES
  const shape = /'shape': \(([^)]*)\)/
    .exec(header)![1]!
    .split(',')
    .filter((size) => size.trim() !== '')
    .map(Number)
  const body = new Uint8Array(bytes.subarray(headerAt + length))
  const Type = TYPES[descr]
  return { shape, data: new Type(body.buffer, 0, body.byteLength / Type.BYTES_PER_ELEMENT) }
}

/** A tensor of an array of the file. */
export function load(arrays: Map<string, NpyArray>, name: string): Tensor {
  const array = arrays.get(name)
  if (array === undefined) throw new Error(`no array "${name}"`)
  return tensor(array.data, { shape: array.shape })
}
