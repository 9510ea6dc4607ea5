import { createHash, randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { ExitCode, VisslError } from '../errors.ts'
import { fileError } from '../logging/index.ts'
import { userCache } from './user-cache.ts'

/** Milliseconds between two lines about a download. */
const SAY_EVERY = 10_000

export interface Transfer {
  /** Milliseconds that a server may take to answer, and between two pieces. */
  readonly timeout: number
  /** Ends the transfer. */
  readonly signal?: AbortSignal | undefined
}

/** What a server sends. */
interface Incoming {
  /** Bytes, where the server says. */
  readonly total: number | undefined
  readonly pieces: AsyncIterable<Uint8Array>
}

/** The server says no. */
class HttpError extends Error {}

/**
 * Opens an address; redirections are followed.
 *
 * @throws Error where there is no answer, or one that says no; so do the pieces when they stop to come
 */
export async function openAddress(url: string, { timeout, signal }: Transfer): Promise<Incoming> {
  const abort = new AbortController()
  const stalled = () => abort.abort(new Error(`nothing came for ${timeout / 1000} s`))
  let timer = setTimeout(stalled, timeout)
  const either = signal === undefined ? abort.signal : AbortSignal.any([abort.signal, signal])
  const response = await fetch(url, { signal: either }).finally(() => clearTimeout(timer))
  const { body, headers } = response
  const isPage = /^text\/html\b/i.test(headers.get('content-type') ?? '')
  if (!response.ok || body === null || isPage) {
    await body?.cancel()
    const status = `HTTP ${response.status} ${response.statusText}`.trimEnd()
    throw new HttpError(response.ok ? 'the server sends a web page' : status)
  }
  const length = headers.has('content-encoding') ? null : headers.get('content-length')
  async function* pieces(): AsyncGenerator<Uint8Array> {
    timer = setTimeout(stalled, timeout)
    try {
      for await (const piece of body!) {
        clearTimeout(timer)
        yield piece
        timer = setTimeout(stalled, timeout)
      }
    } finally {
      clearTimeout(timer)
    }
  }
  return {
    total: length === null ? undefined : Number(length),
    pieces: pieces(),
  }
}

export interface FetchFileOptions {
  /** The configuration's key that holds the address, for messages. */
  readonly key: string
  /** Told what is fetched, and how far it is. */
  readonly say?: (message: string) => void
  readonly signal?: AbortSignal
  /** Where caches lie. Default `userCache()`. */
  readonly cache?: string
  /** See {@link Transfer}. Default 30,000. */
  readonly timeout?: number
}

/** Whether a path is an address that {@link fetchFile} fetches. */
export const isAddress = (path: string): boolean => /^https?:\/\//i.test(path)

/**
 * A file of the web in the user's cache, fetched unless it is there. It is put in place when it is whole, and only if
 * it has the digest that its name carries (`resnet50-0676ba61.pth`: the beginning of its SHA-256).
 *
 * @returns its path
 * @throws VisslError naming the key, when it cannot be had
 */
export async function fetchFile(url: string, options: FetchFileOptions): Promise<string> {
  const { key, say = () => {}, signal, cache = userCache(), timeout = 30_000 } = options
  const name = nameOf(url, key)
  const path = join(cache, 'downloads', `${sha256(url).slice(0, 12)}-${name}`)
  if (existsSync(path)) return path
  const cannot = (exitCode: ExitCode, why: string, cause?: unknown) =>
    new VisslError(
      exitCode,
      `${key}: ${url} cannot be fetched: ${why}`,
      `check the address and the network, or fetch it by other means and give its path: ${key}=FILE`,
      { cause },
    )
  const partial = `${path}.${randomBytes(6).toString('hex')}.part`
  try {
    const incoming = await openAddress(url, { timeout, signal })
    say(`fetching ${url}${incoming.total === undefined ? '' : ` (${megabytes(incoming.total)} MB)`}`)
    const digest = await save(incoming, partial, (line) => say(`${name}: ${line}`))
    const wanted = /-([0-9a-f]{8,64})\.[^-]*$/.exec(name)?.[1] ?? ''
    if (!digest.startsWith(wanted))
      throw cannot(ExitCode.data, `its SHA-256 begins with ${digest.slice(0, wanted.length)}, not ${wanted}`)
    await rename(partial, path)
    return path
  } catch (error) {
    if (error instanceof VisslError) throw error
    throw cannot(error instanceof HttpError ? ExitCode.data : ExitCode.environment, reasonOf(error), error)
  } finally {
    await rm(partial, { force: true })
  }
}

/** @returns the SHA-256 of what was written @throws VisslError when the disk refuses */
async function save({ total, pieces }: Incoming, path: string, say: (line: string) => void): Promise<string> {
  const hash = createHash('sha256')
  const disk = <T>(doing: Promise<T>): Promise<T> =>
    doing.catch((error: unknown) => {
      throw fileError('write', path, error)
    })
  await disk(mkdir(dirname(path), { recursive: true }))
  const file = await disk(open(path, 'w'))
  try {
    let done = 0
    let said = Date.now()
    for await (const piece of pieces) {
      hash.update(piece)
      await disk(file.writeFile(piece))
      done += piece.length
      if (Date.now() - said < SAY_EVERY) continue
      said = Date.now()
      say(`${megabytes(done)}${total === undefined ? '' : ` of ${megabytes(total)}`} MB`)
    }
    await disk(file.sync())
  } finally {
    await file.close()
  }
  return hash.digest('hex')
}

/** The last part of an address's path, as a name that every file system takes. */
function nameOf(url: string, key: string): string {
  if (!URL.canParse(url)) throw new VisslError(ExitCode.usage, `${key}: ${url} is no address`, 'check it')
  const last = new URL(url).pathname.split('/').at(-1) ?? ''
  return last.replace(/[^\w.+-]/g, '_').slice(-100) || 'file'
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1)

/** What the network said: `fetch` hides it in causes. */
function reasonOf(error: unknown): string {
  const { cause, message } = error as Error & { cause?: Error & { code?: string } }
  return [cause?.message, cause?.code, message].find((text) => text !== undefined && text !== '')!
}
