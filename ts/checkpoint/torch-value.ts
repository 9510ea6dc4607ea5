/** Bytes of one element of each dtype that a checkpoint can hold. */
export const storedDtypes = {
  float32: 4,
  float64: 8,
  float16: 2,
  bfloat16: 2,
  int64: 8,
  int32: 4,
  int16: 2,
  int8: 1,
  uint8: 1,
  bool: 1,
  complex64: 8,
  complex128: 16,
  qint8: 1,
  quint8: 1,
  qint32: 4,
  quint4x2: 1,
  quint2x4: 1,
  uint16: 2,
  uint32: 4,
  uint64: 8,
  complex32: 4,
  float8_e4m3fn: 1,
  float8_e5m2: 1,
  float8_e4m3fnuz: 1,
  float8_e5m2fnuz: 1,
  float8_e8m0fnu: 1,
} as const

export type StoredDtype = keyof typeof storedDtypes

/**
 * A tensor as a checkpoint holds it: its elements row-major and little-endian in `bytes`. Tensors that shared a
 * storage in the file share an `ArrayBuffer` here.
 */
export class StoredTensor {
  readonly dtype: StoredDtype
  readonly shape: readonly number[]
  readonly bytes: Uint8Array
  readonly requiresGrad: boolean
  /** A `torch.nn.Parameter`. */
  readonly parameter: boolean

  constructor(
    dtype: StoredDtype,
    shape: readonly number[],
    bytes: Uint8Array,
    options: { requiresGrad?: boolean; parameter?: boolean } = {},
  ) {
    this.dtype = dtype
    this.shape = shape
    this.bytes = bytes
    this.requiresGrad = options.requiresGrad ?? false
    this.parameter = options.parameter ?? false
  }
}

/** A Python tuple: `new Tuple([1, 'a'])`. */
export class Tuple {
  readonly items: readonly TorchValue[]

  constructor(items: readonly TorchValue[]) {
    this.items = items
  }
}

/** A number that is a Python float even where it is whole: `new Float(1)` is `1.0`, `1` is `1`. */
export class Float {
  readonly value: number

  constructor(value: number) {
    this.value = value
  }
}

/**
 * What a file names but this package does not know: an instance of `className`, or with `isClass` the class or
 * function itself. Nothing of it was imported or called. It cannot be written.
 */
export class Placeholder {
  readonly className: string
  readonly isClass: boolean
  args: TorchValue = null
  state: TorchValue = null
  /** What would have been appended, for subclasses of list. */
  items: TorchValue[] = []
  /** What would have been set, for subclasses of dict. */
  entries: [TorchValue, TorchValue][] = []

  constructor(className: string, isClass: boolean) {
    this.className = className
    this.isClass = isClass
  }
}

/** A dict whose keys are all strings. */
export type TorchObject = { [key: string]: TorchValue }

/**
 * What a checkpoint holds. Written as in Python: null → None, safe integers and bigints → int, other numbers and
 * {@link Float} → float, arrays → list, plain objects and Maps → dict, `Set` → set, `Uint8Array` → bytes.
 */
export type TorchValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Float
  | Uint8Array
  | StoredTensor
  | Tuple
  | Placeholder
  | TorchValue[]
  | Set<TorchValue>
  | Map<TorchValue, TorchValue>
  | TorchObject

const orderedDicts = new WeakMap<object, TorchValue>()

/**
 * Marks a dict to be written as `collections.OrderedDict`, as state dicts are; what was read from one is marked
 * already.
 *
 * @param attributes what the instance carries beside its entries, such as a state dict's `{ _metadata }`
 * @returns the same object
 */
export function orderedDict<T extends TorchObject | Map<TorchValue, TorchValue>>(
  dict: T,
  attributes: TorchValue = null,
): T {
  orderedDicts.set(dict, attributes)
  return dict
}

/** The attributes of a dict marked by {@link orderedDict} (null when it has none), undefined for other dicts. */
export function orderedDictAttributes(dict: object): TorchValue | undefined {
  return orderedDicts.get(dict)
}

/** Keys and values of a dict in their order, whether it was read as an object or as a Map. */
export function dictEntries(dict: TorchObject | Map<TorchValue, TorchValue>): [TorchValue, TorchValue][] {
  return dict instanceof Map ? [...dict] : Object.entries(dict)
}
