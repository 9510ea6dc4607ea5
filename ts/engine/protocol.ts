/** The encoding of argument and result buffers; mirrors `Tag` in crates/tensor/shim/dispatch.cpp. */
export const Tag = {
  default: -1,
  none: 0,
  tensor: 1,
  int: 2,
  float: 3,
  bool: 4,
  intList: 5,
  tensorList: 6,
  string: 7,
  device: 8,
  floatList: 10,
  generator: 11,
  bigint: 12,
  boolList: 13,
  same: 20,
} as const

/** c10's numbers of the element types. */
export const dtypeNumbers = {
  uint8: 0,
  int8: 1,
  int16: 2,
  int32: 3,
  int64: 4,
  float16: 5,
  float32: 6,
  float64: 7,
  complex32: 8,
  complex64: 9,
  complex128: 10,
  bool: 11,
  bfloat16: 15,
} as const

/** Element type of a tensor, by PyTorch's name. */
export type DType = keyof typeof dtypeNumbers

export const dtypeNames: readonly (DType | undefined)[] = (() => {
  const names: (DType | undefined)[] = []
  for (const [name, number] of Object.entries(dtypeNumbers)) names[number] = name as DType
  return names
})()

/** Bytes of one element. */
export const dtypeBytes: Readonly<Record<DType, number>> = {
  uint8: 1,
  int8: 1,
  int16: 2,
  int32: 4,
  int64: 8,
  float16: 2,
  float32: 4,
  float64: 8,
  complex32: 4,
  complex64: 8,
  complex128: 16,
  bool: 1,
  bfloat16: 2,
}

export const memoryFormatNumbers = {
  contiguous: 0,
  preserve: 1,
  channels_last: 2,
  channels_last_3d: 3,
} as const
/** Order of a tensor's elements in memory. */
export type MemoryFormat = keyof typeof memoryFormatNumbers

export const layoutNumbers = { strided: 0, sparse_coo: 1, sparse_csr: 2, mkldnn: 3 } as const
export type Layout = keyof typeof layoutNumbers

export const deviceTypeNumbers: Readonly<Record<string, number>> = { cpu: 0, cuda: 1, meta: 14 }
/** `cpu`, `cuda` (the current one), `cuda:1`, `meta`. */
export type Device = string

/** Type and index of a device name, or null when it is none. */
export function parseDevice(name: string): [type: number, index: number] | null {
  const colon = name.indexOf(':')
  const type = deviceTypeNumbers[colon < 0 ? name : name.slice(0, colon)]
  if (type === undefined) return null
  if (colon < 0) return [type, -1]
  const index = Number(name.slice(colon + 1))
  return Number.isInteger(index) && index >= 0 && index < 128 ? [type, index] : null
}

export function deviceName(type: number, index: number): Device {
  const name =
    Object.keys(deviceTypeNumbers).find((key) => deviceTypeNumbers[key] === type) ?? `device${type}`
  return name === 'cpu' || name === 'meta' || index < 0 ? name : `${name}:${index}`
}
