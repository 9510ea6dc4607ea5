import { type DType, fromBytes, type Tensor } from '../engine/index.ts'
import { Placeholder, type TorchValue, Tuple } from './torch-file.ts'

const DTYPES: Readonly<Record<string, DType>> = {
  f2: 'float16',
  f4: 'float32',
  f8: 'float64',
  i1: 'int8',
  i2: 'int16',
  i4: 'int32',
  i8: 'int64',
  u1: 'uint8',
  b1: 'bool',
}

/**
 * A NumPy array as torch files hold it: an object that is rebuilt from its shape, dtype and bytes. Nothing of NumPy is
 * called. Undefined for other values, and for arrays of other things than little-endian numbers.
 */
export function tensorOfNumpy(value: TorchValue): Tensor | undefined {
  if (!(value instanceof Placeholder) || !/^numpy\..*\._reconstruct$/.test(value.className)) return undefined
  const [, shape, dtype, fortran, bytes] = items(value.state)
  const sizes = items(shape)
  if (!sizes.every((size): size is number => typeof size === 'number')) return undefined
  const kind = dtypeOf(dtype)
  if (kind === undefined || !(bytes instanceof Uint8Array)) return undefined
  if (fortran !== true) return fromBytes(bytes, sizes, kind)
  return fromBytes(bytes, [...sizes].reverse(), kind).permute(sizes.map((_, i) => sizes.length - 1 - i))
}

function dtypeOf(value: TorchValue | undefined): DType | undefined {
  if (!(value instanceof Placeholder) || value.className !== 'numpy.dtype') return undefined
  const [name] = items(value.args)
  const [, order] = items(value.state)
  if (typeof name !== 'string' || order === '>') return undefined
  return Object.hasOwn(DTYPES, name) ? DTYPES[name] : undefined
}

const items = (value: TorchValue | undefined): readonly TorchValue[] =>
  value instanceof Tuple ? value.items : []
