import { createHash } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join, relative } from 'node:path'

/**
 * A digest of files, folders (recursively, sorted) and extra strings. Names and contents count, times do not,
 * so a fresh checkout of the same sources is current.
 */
export function digestOf(root, paths, extra = []) {
  const hash = createHash('sha256')
  for (const path of paths) addPath(hash, root, join(root, path))
  for (const text of extra) hash.update(`\0${text}`)
  return hash.digest('hex')
}

function addPath(hash, root, path) {
  if (!existsSync(path)) {
    hash.update(`\0missing ${relative(root, path)}`)
    return
  }
  if (statSync(path).isDirectory()) {
    const names = readdirSync(path).filter((name) => name !== 'target' && name !== 'node_modules')
    for (const name of names.sort()) addPath(hash, root, join(path, name))
    return
  }
  const bytes = readFileSync(path)
  hash.update(`\0${relative(root, path)}\0${bytes.length}\0`)
  hash.update(bytes)
}

/** Whether `stampFile` holds `digest` and every one of `outputs` exists. */
export function isCurrent(stampFile, digest, outputs = []) {
  if (!existsSync(stampFile) || !outputs.every((path) => existsSync(path))) return false
  return readFileSync(stampFile, 'utf8').trim() === digest
}

/** Writes `digest` to `stampFile` in one step. Write it last: a stamp promises that the work is complete. */
export function writeStamp(stampFile, digest) {
  writeAtomic(stampFile, `${digest}\n`)
}

/** Writes a small file through a sibling and a rename, so that a reader never sees half of it. */
export function writeAtomic(path, text) {
  mkdirSync(dirname(path), { recursive: true })
  const partial = `${path}.${process.pid}.partial`
  writeFileSync(partial, text)
  renameSync(partial, path)
}
