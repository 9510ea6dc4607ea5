import { maskedCrc32c } from '../../ts/logging/tensorboard/crc32c.ts'

/** The events of a file, each frame checked. */
export function eventsOf(bytes: Buffer): Buffer[] {
  const events: Buffer[] = []
  for (let at = 0; at < bytes.length; ) {
    const length = Number(bytes.readBigUInt64LE(at))
    if (bytes.readUInt32LE(at + 8) !== maskedCrc32c(bytes.subarray(at, at + 8))) throw new Error('length')
    const event = bytes.subarray(at + 12, at + 12 + length)
    if (bytes.readUInt32LE(at + 12 + length) !== maskedCrc32c(event)) throw new Error('content')
    events.push(event)
    at += length + 16
  }
  return events
}

/** A value of an event: its tag and step. */
export interface Logged {
  tag: string
  step: number
  /** Of scalars. */
  value: number | undefined
}

/** What an event says; undefined for the first of a file, which has no value. */
export function loggedBy(event: Buffer): Logged | undefined {
  const fields = fieldsOf(event)
  const summary = fields.get(5)
  if (summary === undefined) return undefined
  const value = fieldsOf(fieldsOf(summary as Buffer).get(1) as Buffer)
  const simple = value.get(2)
  return {
    tag: (value.get(1) as Buffer).toString(),
    step: Number(BigInt.asIntN(64, (fields.get(2) as bigint | undefined) ?? 0n)),
    value: simple === undefined ? undefined : (simple as Buffer).readFloatLE(0),
  }
}

function fieldsOf(message: Buffer): Map<number, Buffer | bigint> {
  const fields = new Map<number, Buffer | bigint>()
  let at = 0
  const varint = (): bigint => {
    let value = 0n
    for (let shift = 0n; ; shift += 7n) {
      const byte = message[at++]!
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
  }
  const take = (length: number): Buffer => {
    at += length
    return message.subarray(at - length, at)
  }
  while (at < message.length) {
    const key = Number(varint())
    const type = key & 7
    fields.set(key >> 3, type === 0 ? varint() : take(type === 2 ? Number(varint()) : type === 1 ? 8 : 4))
  }
  return fields
}
