import { createHash } from 'node:crypto'
import {
  createReadStream,
  createWriteStream,
  existsSync,
  mkdirSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { NETWORK_FIX, SetupError } from './error.mjs'

const CONNECT_MS = 5_000
const STALL_MS = 30_000

/** Whether a server answers for `url` within a few seconds; a closed network answers false, not an error. */
export async function reachable(url, timeoutMs = CONNECT_MS) {
  try {
    const response = await fetch(url, { method: 'HEAD', signal: AbortSignal.timeout(timeoutMs) })
    return response.ok
  } catch {
    return false
  }
}

/**
 * Fetches `url` to `path`. What an earlier, interrupted run fetched (`path.part`) is continued with a Range
 * request; the file appears under its own name only when its length is right.
 *
 * @param onProgress called with bytes done, bytes in all (0 if unknown) and bytes per second
 * @throws SetupError when the server cannot be reached, answers with an error, stalls or sends too little
 */
export async function download(url, path, onProgress = () => {}) {
  const part = `${path}.part`
  mkdirSync(dirname(path), { recursive: true })
  const from = existsSync(part) ? statSync(part).size : 0
  const abort = new AbortController()
  let timer = setTimeout(() => abort.abort(), CONNECT_MS)
  try {
    const response = await fetch(url, {
      headers: from ? { range: `bytes=${from}-` } : {},
      signal: abort.signal,
    })
    if (response.status === 416) {
      rmSync(part)
      throw new SetupError(
        `${url}: the partial download did not fit and was removed`,
        'Run the same command again.',
      )
    }
    if (!response.ok)
      throw new SetupError(`${url} answered ${response.status} ${response.statusText}`, NETWORK_FIX)
    const resumed = response.status === 206
    const start = resumed ? from : 0
    const total = start + Number(response.headers.get('content-length') ?? 0)
    const began = performance.now()
    let done = start
    const watch = new Transform({
      transform(chunk, _encoding, next) {
        clearTimeout(timer)
        timer = setTimeout(() => abort.abort(), STALL_MS)
        done += chunk.length
        onProgress(done, total > start ? total : 0, (done - start) / ((performance.now() - began) / 1000))
        next(null, chunk)
      },
    })
    await pipeline(
      Readable.fromWeb(response.body),
      watch,
      createWriteStream(part, { flags: resumed ? 'a' : 'w' }),
    )
    if (total > start && done !== total)
      throw new SetupError(`${url} ended after ${done} of ${total} bytes`, NETWORK_FIX)
  } catch (error) {
    if (error instanceof SetupError) throw error
    throw new SetupError(`cannot fetch ${url}: ${error.cause?.message ?? error.message}`, NETWORK_FIX, {
      cause: error,
    })
  } finally {
    clearTimeout(timer)
  }
  renameSync(part, path)
}

/** Lower-case hexadecimal SHA-256 of a file, streamed. */
export async function sha256(path) {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash)
  return hash.digest('hex')
}

/** @throws SetupError when the file's SHA-256 is not `expected`; the file is removed, it must never be used. */
export async function verify(path, expected) {
  const found = await sha256(path)
  if (found === expected) return
  rmSync(path, { force: true })
  throw new SetupError(
    `${path} has SHA-256 ${found}, expected ${expected}; it was removed`,
    'Run the same command again to fetch it anew.',
  )
}
