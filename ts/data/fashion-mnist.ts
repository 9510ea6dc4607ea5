import { execFile } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { openAddress } from './download.ts'
import { userCache } from './user-cache.ts'

const run = promisify(execFile)
const unzip = promisify(gunzip)

/** SHA-256 of the unpacked files; packages compress them differently. */
const checksums: Readonly<Record<string, string>> = {
  'train-images-idx3-ubyte': 'c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888',
  'train-labels-idx1-ubyte': 'bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9',
  't10k-images-idx3-ubyte': '5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b',
  't10k-labels-idx1-ubyte': '0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34',
}

/** Bytes of the largest file unpacked, with room to spare; more is no file of this data set. */
const maxBytes = 64 * 1024 * 1024

const debianPackage = 'dataset-fashion-mnist'
const installed = '/usr/share/datasets/fashion-mnist'
const homes = [
  'http://fashion-mnist.s3-website.eu-central-1.amazonaws.com',
  'https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion',
]

export const fashionMnistClasses: readonly string[] = [
  'T-shirt/top',
  'trouser',
  'pullover',
  'dress',
  'coat',
  'sandal',
  'shirt',
  'sneaker',
  'bag',
  'ankle boot',
]

export interface FetchOptions {
  /** A folder that holds the four files, tried first. Default: the environment's `VISSL_FASHION_MNIST`. */
  folder?: string
  /** Try nothing but `folder`. */
  onlyFolder?: boolean
  /** Called with what is being tried. */
  onProgress?: (message: string) => void
  /** Milliseconds that a source may take to answer, and between two pieces of a download. Default 10,000. */
  timeout?: number
  /** Where caches lie. Default `userCache()`. */
  cache?: string
  env?: NodeJS.ProcessEnv
  /** Ends the fetching; nothing half-done stays. */
  signal?: AbortSignal
}

/** Where the files are, or why they could not be had: one line a source. */
export type FashionMnist = { folder: string; from: string } | { folder: null; reasons: string[] }

/**
 * Fashion-MNIST (Xiao et al. 2017) as four gzip IDX files in the user cache, from the first source that has them:
 * the cache, a given folder, Debian's package, the data set's home. Every file is checked against its checksum and
 * put in place in one step, so the cache never holds a part of a file.
 *
 * @returns the folder for an `idx` source; without one, the reasons, for the caller to fall back and say so
 */
export async function fetchFashionMnist(options: FetchOptions = {}): Promise<FashionMnist> {
  const { env = process.env, onProgress = () => {}, timeout = 10_000, signal } = options
  const target = join(options.cache ?? userCache(env), 'fashion-mnist')
  if (await isComplete(target)) return { folder: target, from: 'cache' }
  const given = options.folder ?? env.VISSL_FASHION_MNIST
  const sources: Source[] = []
  if (given) sources.push([given, async () => fromFolder(given)])
  if (options.onlyFolder !== true) sources.push(...publicSources(timeout, signal))

  const reasons: string[] = []
  for (const [name, open] of sources) {
    if (signal?.aborted) break
    onProgress(`fetching Fashion-MNIST from ${name}`)
    let source: Read | undefined
    try {
      source = await open()
      await place(source, target, onProgress)
      return { folder: target, from: name }
    } catch (error) {
      reasons.push(`${name}: ${reason(error)}`)
    } finally {
      await source?.close?.()
    }
  }
  return { folder: null, reasons }
}

/** A name for messages, and how to open it. */
type Source = [string, () => Promise<Read>]

function publicSources(timeout: number, signal?: AbortSignal): Source[] {
  const sources: Source[] = []
  if (existsSync(installed)) sources.push([installed, async () => fromFolder(installed)])
  if (process.platform === 'linux')
    sources.push([`Debian package ${debianPackage}`, () => fromDebian(timeout, signal)])
  for (const home of homes) sources.push([home, async () => fromHome(home, timeout, signal)])
  return sources
}

/** Reads one file by its name without `.gz`, gzip or not. */
interface Read {
  read(name: string): Promise<Uint8Array>
  close?(): Promise<void>
}

async function place(source: Read, target: string, onProgress: (message: string) => void): Promise<void> {
  await mkdir(target, { recursive: true })
  for (const [name, checksum] of Object.entries(checksums)) {
    const path = join(target, `${name}.gz`)
    if (existsSync(path) && (await isGood(path, checksum))) continue
    const bytes = await source.read(name)
    if ((await digest(bytes)) !== checksum) throw new Error(`${name} has the wrong checksum`)
    const partial = `${path}.${randomBytes(6).toString('hex')}.part`
    try {
      await writeFile(partial, bytes)
      await rename(partial, path)
    } finally {
      await rm(partial, { force: true })
    }
    onProgress(`${name}: ${(bytes.length / 1e6).toFixed(1)} MB`)
  }
}

async function isComplete(folder: string): Promise<boolean> {
  for (const [name, checksum] of Object.entries(checksums)) {
    if (!(await isGood(join(folder, `${name}.gz`), checksum))) return false
  }
  return true
}

const isGood = async (path: string, checksum: string): Promise<boolean> =>
  existsSync(path) && (await digest(await readFile(path))) === checksum

/** SHA-256 of the bytes, unpacked when they are gzip; an empty text when they do not unpack. */
async function digest(bytes: Uint8Array): Promise<string> {
  try {
    const isGzip = bytes[0] === 0x1f && bytes[1] === 0x8b
    const raw = isGzip ? await unzip(bytes, { maxOutputLength: maxBytes }) : bytes
    return createHash('sha256').update(raw).digest('hex')
  } catch {
    return ''
  }
}

function fromFolder(folder: string): Read {
  return {
    read: async (name) => {
      const path = [join(folder, `${name}.gz`), join(folder, name)].find((path) => existsSync(path))
      if (path === undefined) throw new Error(`has no ${name}.gz`)
      return readFile(path)
    },
  }
}

async function fromDebian(timeout: number, signal?: AbortSignal): Promise<Read> {
  const folder = await mkdtemp(join(tmpdir(), 'vissl-fashion-mnist-'))
  const close = () => rm(folder, { recursive: true, force: true })
  try {
    const network = [`Acquire::http::Timeout=${Math.ceil(timeout / 1000)}`, 'Acquire::Retries=0']
    const flags = network.flatMap((option) => ['-o', option])
    await run('apt-get', ['download', ...flags, debianPackage], {
      cwd: folder,
      timeout: timeout * 12,
      signal,
    })
    const file = (await readdir(folder)).find((name) => name.endsWith('.deb'))
    if (file === undefined) throw new Error('apt-get downloaded nothing')
    await run('dpkg-deb', ['-x', join(folder, file), join(folder, 'files')], { timeout: timeout * 6, signal })
  } catch (error) {
    await close()
    throw error
  }
  return { ...fromFolder(join(folder, 'files', installed)), close }
}

function fromHome(home: string, timeout: number, signal?: AbortSignal): Read {
  return { read: (name) => download(`${home}/${name}.gz`, timeout, signal) }
}

async function download(url: string, timeout: number, signal?: AbortSignal): Promise<Uint8Array> {
  const pieces: Uint8Array[] = []
  let bytes = 0
  for await (const piece of (await openAddress(url, { timeout, signal })).pieces) {
    bytes += piece.length
    if (bytes > maxBytes) throw new Error(`more than ${maxBytes} bytes`)
    pieces.push(piece)
  }
  return Buffer.concat(pieces)
}

/** The last telling line of what went wrong. */
function reason(error: unknown): string {
  const { stderr, cause, message, code } = error as {
    stderr?: string
    cause?: Error & { code?: string }
    message?: string
    code?: string
  }
  if (code === 'ENOENT' && message?.startsWith('spawn')) return 'apt-get or dpkg-deb is not installed'
  const lines = (stderr ?? '').split('\n').filter((line) => line.startsWith('E:'))
  return lines[0]?.slice(3) ?? cause?.code ?? cause?.message ?? message ?? String(error)
}
