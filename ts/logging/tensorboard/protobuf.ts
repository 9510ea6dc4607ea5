const VARINT = 0
const FIXED64 = 1
const BYTES = 2
const FIXED32 = 5

/** Writes a message of protocol buffers, field by field in the order given. Values equal to the default are left out. */
export class MessageWriter {
  readonly #parts: Uint8Array[] = []

  double(field: number, value: number): this {
    return value === 0 ? this : this.#key(field, FIXED64).#add(doubles([value]))
  }

  float(field: number, value: number): this {
    const bytes = new Uint8Array(4)
    new DataView(bytes.buffer).setFloat32(0, value, true)
    return this.#key(field, FIXED32).#add(bytes)
  }

  /** @param value a whole number; negative ones take ten bytes, as in every int64 */
  int(field: number, value: number): this {
    return value === 0 ? this : this.#key(field, VARINT).#add(varint(BigInt.asUintN(64, BigInt(value))))
  }

  string(field: number, value: string): this {
    return this.bytes(field, Buffer.from(value))
  }

  /** Bytes, or a message within this one. */
  bytes(field: number, value: Uint8Array | MessageWriter): this {
    const content = value instanceof MessageWriter ? value.finish() : value
    return this.#key(field, BYTES)
      .#add(varint(BigInt(content.length)))
      .#add(content)
  }

  /** A packed list. */
  doubles(field: number, values: readonly number[]): this {
    return values.length === 0 ? this : this.bytes(field, doubles(values))
  }

  finish(): Uint8Array {
    return Buffer.concat(this.#parts)
  }

  #key(field: number, type: number): this {
    return this.#add(varint(BigInt((field << 3) | type)))
  }

  #add(bytes: Uint8Array): this {
    this.#parts.push(bytes)
    return this
  }
}

function doubles(values: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(values.length * 8)
  const view = new DataView(bytes.buffer)
  for (const [i, value] of values.entries()) view.setFloat64(i * 8, value, true)
  return bytes
}

/** Seven bits a byte, lowest first. */
function varint(value: bigint): Uint8Array {
  const bytes: number[] = []
  let left = value
  while (left > 0x7fn) {
    bytes.push(Number(left & 0x7fn) | 0x80)
    left >>= 7n
  }
  bytes.push(Number(left))
  return Uint8Array.from(bytes)
}
