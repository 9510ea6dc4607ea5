import { closeSync, createWriteStream, fstatSync, mkdirSync, openSync, readSync } from 'node:fs'
import { dirname, join, resolve, sep } from 'node:path'
import { Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { crc32, createInflateRaw } from 'node:zlib'
import { SetupError } from './error.mjs'

const END = 0x06054b50
const END64 = 0x06064b50
const LOCATOR64 = 0x07064b50
const CENTRAL = 0x02014b50
const LOCAL = 0x04034b50
const CHUNK = 1 << 20

/**
 * Unpacks the files of a zip (or wheel) that `select(name)` maps to a path below `target`; undefined skips a
 * file. Every file's CRC and size are checked.
 *
 * @param onProgress called with the compressed bytes done and to do
 * @returns the number of files written
 * @throws SetupError when the archive is truncated or damaged, or a name leads out of `target`
 */
export async function unzip(archive, target, select, onProgress = () => {}) {
  const file = openSync(archive, 'r')
  try {
    const wanted = []
    for (const entry of readDirectory(file, archive)) {
      const path = entry.name.endsWith('/') ? undefined : select(entry.name)
      if (path !== undefined) wanted.push({ ...entry, path: safeJoin(target, path, archive) })
    }
    const total = wanted.reduce((sum, entry) => sum + entry.packed, 0)
    let done = 0
    for (const entry of wanted) {
      await extract(file, archive, entry, (bytes) => {
        done += bytes
        onProgress(done, total)
      })
    }
    return wanted.length
  } finally {
    closeSync(file)
  }
}

function damaged(archive, what) {
  return new SetupError(
    `${archive} is truncated or damaged: ${what}`,
    'Delete the file and run the command again to fetch it anew.',
  )
}

function safeJoin(target, path, archive) {
  const full = resolve(target, path)
  if (!full.startsWith(resolve(target) + sep))
    throw damaged(archive, `the name ${path} leads out of the folder`)
  return full
}

function read(file, archive, position, length) {
  const bytes = Buffer.alloc(length)
  let done = 0
  while (done < length) {
    const count = readSync(file, bytes, done, length - done, position + done)
    if (count === 0) throw damaged(archive, 'it ends too early')
    done += count
  }
  return bytes
}

function readDirectory(file, archive) {
  const { size } = fstatSync(file)
  const length = Math.min(size, 65_557)
  const last = read(file, archive, size - length, length)
  let at = last.length - 22
  while (at >= 0 && last.readUInt32LE(at) !== END) at--
  if (at < 0) throw damaged(archive, 'no zip directory at its end')
  let count = last.readUInt16LE(at + 10)
  let bytes = last.readUInt32LE(at + 12)
  let offset = last.readUInt32LE(at + 16)
  if (at >= 20 && last.readUInt32LE(at - 20) === LOCATOR64) {
    const end = read(file, archive, Number(last.readBigUInt64LE(at - 12)), 56)
    if (end.readUInt32LE(0) !== END64) throw damaged(archive, 'bad zip64 record')
    count = Number(end.readBigUInt64LE(32))
    bytes = Number(end.readBigUInt64LE(40))
    offset = Number(end.readBigUInt64LE(48))
  }
  if (offset + bytes > size) throw damaged(archive, 'its directory lies beyond its end')
  return parseDirectory(read(file, archive, offset, bytes), count, archive)
}

function parseDirectory(directory, count, archive) {
  const entries = []
  for (let at = 0, i = 0; i < count; i++) {
    if (at + 46 > directory.length || directory.readUInt32LE(at) !== CENTRAL)
      throw damaged(archive, 'bad directory entry')
    const nameLength = directory.readUInt16LE(at + 28)
    const extraLength = directory.readUInt16LE(at + 30)
    const entry = {
      method: directory.readUInt16LE(at + 10),
      crc: directory.readUInt32LE(at + 16),
      packed: directory.readUInt32LE(at + 20),
      size: directory.readUInt32LE(at + 24),
      offset: directory.readUInt32LE(at + 42),
      mode: directory.readUInt16LE(at + 40),
      name: directory.toString('utf8', at + 46, at + 46 + nameLength),
    }
    applyZip64(entry, directory.subarray(at + 46 + nameLength, at + 46 + nameLength + extraLength))
    entries.push(entry)
    at += 46 + nameLength + extraLength + directory.readUInt16LE(at + 32)
  }
  return entries
}

function applyZip64(entry, extra) {
  for (let at = 0; at + 4 <= extra.length; at += 4 + extra.readUInt16LE(at + 2)) {
    if (extra.readUInt16LE(at) !== 1) continue
    let field = at + 4
    for (const key of ['size', 'packed', 'offset']) {
      if (entry[key] !== 0xffffffff) continue
      entry[key] = Number(extra.readBigUInt64LE(field))
      field += 8
    }
  }
}

async function extract(file, archive, entry, onBytes) {
  if (entry.method !== 0 && entry.method !== 8)
    throw damaged(archive, `${entry.name} has unknown compression ${entry.method}`)
  const header = read(file, archive, entry.offset, 30)
  if (header.readUInt32LE(0) !== LOCAL) throw damaged(archive, `no entry where ${entry.name} should be`)
  const start = entry.offset + 30 + header.readUInt16LE(26) + header.readUInt16LE(28)
  mkdirSync(dirname(entry.path), { recursive: true })
  let crc = 0
  let size = 0
  const check = new Transform({
    transform(chunk, _encoding, done) {
      crc = crc32(chunk, crc)
      size += chunk.length
      done(null, chunk)
    },
  })
  const packed = Readable.from(chunks(file, archive, start, entry.packed, onBytes), { objectMode: false })
  const stages =
    entry.method === 8 ? [packed, createInflateRaw({ chunkSize: CHUNK }), check] : [packed, check]
  const mode = (entry.mode & 0o100 ? 0o755 : 0o644) | 0
  try {
    await pipeline(...stages, createWriteStream(entry.path, { mode, highWaterMark: CHUNK }))
  } catch (error) {
    if (String(error.code).startsWith('Z_')) throw damaged(archive, `${entry.name}: ${error.message}`)
    throw error
  }
  if (size !== entry.size || crc !== entry.crc)
    throw damaged(archive, `${entry.name} does not match its checksum`)
}

function* chunks(file, archive, start, length, onBytes) {
  for (let done = 0; done < length; done += CHUNK) {
    const bytes = read(file, archive, start + done, Math.min(CHUNK, length - done))
    onBytes(bytes.length)
    yield bytes
  }
}

/** A selector for `unzip` that maps names by the first rule whose pattern matches: `[[/^torch\/include\//, 'include/']]`. */
export function byRules(rules) {
  return (name) => {
    for (const [pattern, replacement] of rules)
      if (pattern.test(name)) return join(name.replace(pattern, replacement))
    return undefined
  }
}
