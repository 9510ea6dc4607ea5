import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { dirname } from 'node:path'
import { SetupError } from './error.mjs'

const DT_NEEDED = 1n
const DT_STRTAB = 5n
const DT_RPATH = 15n
const DT_RUNPATH = 29n

/**
 * What a 64-bit little-endian shared library asks of the loader.
 *
 * @returns `{ needed, searchPath, size }`: the names it needs, its RPATH/RUNPATH folders with `$ORIGIN`
 *   filled in, and its size in bytes
 * @throws SetupError when the file is truncated (loading it would kill the process) or no such library
 */
export function readSharedLibrary(path) {
  const file = openSync(path, 'r')
  try {
    const { size } = fstatSync(file)
    const read = (position, length) => {
      if (position + length > size) throw truncated(path)
      const bytes = Buffer.alloc(length)
      readSync(file, bytes, 0, length, position)
      return bytes
    }
    const header = read(0, 64)
    if (header.readUInt32BE(0) !== 0x7f454c46 || header[4] !== 2 || header[5] !== 1) {
      throw new SetupError(
        `${path} is not a 64-bit shared library for this machine`,
        'Point LIBTORCH at a libtorch built for it, or unset LIBTORCH.',
      )
    }
    const segments = readSegments(header, read, size, path)
    return { ...readDynamic(segments, read, dirname(path)), size }
  } finally {
    closeSync(file)
  }
}

function truncated(path) {
  return new SetupError(
    `${path} is truncated`,
    'Delete the folder it lies in and run the command again to fetch it anew.',
  )
}

function readSegments(header, read, size, path) {
  const sectionsEnd = Number(header.readBigUInt64LE(40)) + header.readUInt16LE(58) * header.readUInt16LE(60)
  if (sectionsEnd > size) throw truncated(path)
  const table = read(Number(header.readBigUInt64LE(32)), header.readUInt16LE(54) * header.readUInt16LE(56))
  const segments = []
  for (let at = 0; at < table.length; at += header.readUInt16LE(54)) {
    const segment = {
      type: table.readUInt32LE(at),
      offset: Number(table.readBigUInt64LE(at + 8)),
      address: Number(table.readBigUInt64LE(at + 16)),
      bytes: Number(table.readBigUInt64LE(at + 32)),
    }
    if (segment.offset + segment.bytes > size) throw truncated(path)
    segments.push(segment)
  }
  return segments
}

function readDynamic(segments, read, origin) {
  const dynamic = segments.find((segment) => segment.type === 2)
  if (!dynamic) return { needed: [], searchPath: [] }
  const table = read(dynamic.offset, dynamic.bytes)
  const entries = []
  for (let at = 0; at + 16 <= table.length; at += 16) {
    entries.push([table.readBigInt64LE(at), Number(table.readBigUInt64LE(at + 8))])
  }
  const stringsAt = entries.find(([tag]) => tag === DT_STRTAB)?.[1]
  if (stringsAt === undefined) return { needed: [], searchPath: [] }
  const home = segments.find((s) => s.type === 1 && stringsAt >= s.address && stringsAt < s.address + s.bytes)
  const text = (offset) => {
    const start = stringsAt - home.address + home.offset + offset
    const bytes = read(start, Math.min(4096, home.offset + home.bytes - start))
    return bytes.toString('utf8', 0, bytes.indexOf(0))
  }
  const values = (...tags) => entries.filter(([tag]) => tags.includes(tag)).map(([, offset]) => text(offset))
  const searchPath = values(DT_RPATH, DT_RUNPATH)
    .flatMap((value) => value.split(':'))
    .map((folder) => folder.replace(/\$ORIGIN|\$\{ORIGIN\}/g, origin))
  return { needed: values(DT_NEEDED), searchPath }
}
