import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'
import { fileError } from '../logging/index.ts'

/** Element types of NumPy that are written: float32 and int64, little-endian. */
export type NpyType = '<f4' | '<i8'

/** Bytes that are handed to the operating system at once. */
const BLOCK = 1 << 22

/**
 * Writes a `.npy` file (version 1.0, C order) row by row, so that an array need not lie in memory as a whole. The file
 * appears when it is complete: killed at any point, there is an old one or none.
 *
 * @param shape the rows together fill it
 * @throws VisslError (environment) for a full disk, a missing folder or permission; an old file is then untouched
 */
export function writeNpy(
  path: string,
  type: NpyType,
  shape: readonly number[],
  rows: Iterable<Float32Array | BigInt64Array>,
): void {
  const sibling = `${path}.${process.pid}.tmp`
  let descriptor: number | undefined
  try {
    descriptor = openSync(sibling, 'w')
    const output = new BlockWriter(descriptor)
    output.add(npyHeader(type, shape))
    for (const row of rows) output.add(new Uint8Array(row.buffer, row.byteOffset, row.byteLength))
    output.flush()
    fsyncSync(descriptor)
    closeSync(descriptor)
    descriptor = undefined
    renameSync(sibling, path)
  } catch (error) {
    if (descriptor !== undefined) closeSync(descriptor)
    rmSync(sibling, { force: true })
    throw fileError('write', path, error)
  }
}

/** Magic, version, length and description, padded to whole lines of 64 bytes. */
export function npyHeader(type: NpyType, shape: readonly number[]): Uint8Array {
  const sizes = shape.length === 1 ? `${shape[0]},` : shape.join(', ')
  const text = `{'descr': '${type}', 'fortran_order': False, 'shape': (${sizes}), }`
  const padded = text.padEnd(Math.ceil((10 + text.length + 1) / 64) * 64 - 11)
  const header = Buffer.alloc(10 + padded.length + 1)
  header.write('\x93NUMPY\x01\x00', 'latin1')
  header.writeUInt16LE(padded.length + 1, 8)
  header.write(`${padded}\n`, 10, 'latin1')
  return header
}

class BlockWriter {
  readonly #descriptor: number
  #waiting: Uint8Array[] = []
  #bytes = 0

  constructor(descriptor: number) {
    this.#descriptor = descriptor
  }

  add(bytes: Uint8Array): void {
    this.#waiting.push(bytes)
    this.#bytes += bytes.length
    if (this.#bytes >= BLOCK) this.flush()
  }

  flush(): void {
    const block = Buffer.concat(this.#waiting)
    this.#waiting = []
    this.#bytes = 0
    let written = 0
    while (written < block.length) written += writeSync(this.#descriptor, block, written)
  }
}
