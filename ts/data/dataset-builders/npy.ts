import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { ExitCode, VisslError } from '../../errors.ts'

/** Writes texts as `numpy.save(path, numpy.array(texts))` does. The file is whole or not there. */
export function writeTexts(path: string, texts: readonly string[]): void {
  const letters = texts.map((text) => Array.from(text, (letter) => letter.codePointAt(0)!))
  const width = Math.max(1, ...chunked(letters, (part) => Math.max(...part.map((codes) => codes.length))))
  const body = Buffer.alloc(texts.length * width * 4)
  letters.forEach((codes, row) => {
    codes.forEach((code, column) => {
      body.writeUInt32LE(code, (row * width + column) * 4)
    })
  })
  put(path, `<U${width}`, [texts.length], body)
}

/** Writes whole numbers from −2³¹ to 2³¹−1 as an array of `int32`, row by row. The file is whole or not there. */
export function writeIntegers(path: string, shape: readonly number[], values: Int32Array): void {
  const body = Buffer.alloc(values.length * 4)
  values.forEach((value, index) => {
    body.writeInt32LE(value, index * 4)
  })
  put(path, '<i4', shape, body)
}

/** Results of `of` over parts short enough to be arguments. */
const chunked = <T>(all: readonly T[], of: (part: readonly T[]) => number): number[] => {
  const parts: number[] = []
  for (let at = 0; at < all.length; at += 4096) parts.push(of(all.slice(at, at + 4096)))
  return parts.length < 4096 ? parts : chunked(parts, (part) => Math.max(...part))
}

function put(path: string, descr: string, shape: readonly number[], body: Buffer): void {
  const sizes = shape.length === 1 ? `${shape[0]},` : shape.join(', ')
  const header = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${sizes}), }`
  // Magic, version, length, header and its line end fill whole lines of 64 bytes.
  const filled = Math.ceil((10 + header.length + 1) / 64) * 64
  const start = Buffer.from(`\x93NUMPY\x01\x00__${header.padEnd(filled - 11)}\n`, 'latin1')
  start.writeUInt16LE(filled - 10, 8)
  writeWhole(path, Buffer.concat([start, body]))
}

/** Puts a file in place in one step, with its folder. @throws VisslError when the disk refuses */
export function writeWhole(path: string, bytes: Uint8Array | string): void {
  const temporary = `${path}.${process.pid}.tmp`
  try {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(temporary, bytes, { flush: true })
    renameSync(temporary, path)
  } catch (error) {
    if (existsSync(temporary)) rmSync(temporary)
    throw new VisslError(
      ExitCode.environment,
      `${path} cannot be written: ${(error as Error).message}`,
      'choose another folder, or free some space',
      { cause: error },
    )
  }
}
