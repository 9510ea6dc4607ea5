import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { removeOnExit } from './cleanup.mjs'
import { download, reachable, verify } from './download.mjs'
import { capture } from './exec.mjs'
import { cacheFolder } from './libtorch.mjs'

/** Debian's assembler: the program needs nothing but libc. */
export const NASM = {
  version: '2.16.01',
  path: 'pool/main/n/nasm/nasm_2.16.01-1_amd64.deb',
  sha256: '0180693ad5d2da8b36e7d73b9b596dc3e9f900238e3de699976c0576875b878f',
}
const MIRRORS = ['http://deb.debian.org/debian', 'http://archive.debian.org/debian']

/** What it costs to go without libjpeg-turbo, and how to get it. */
export const WITHOUT_TURBO = 'JPEG by zune-jpeg, which takes about 17 % longer a photograph'
const AGAIN = 'then run: npm run setup -- --force'

/**
 * What the build of libjpeg-turbo needs: CMake, and on x86-64 an assembler, which is fetched where there is none.
 *
 * @param probe runs a command and returns its output, undefined where it is missing (replaced in tests)
 * @param fetchAssembler gives the path of a fetched nasm, or undefined (replaced in tests)
 * @returns `{ env }` for the build; or `{ missing }`, a sentence on what to install
 */
export async function turboTools(
  env = process.env,
  { probe = capture, arch = process.arch, fetchAssembler = fetchNasm } = {},
) {
  if (probe('cmake', ['--version']) === undefined) return { missing: `install cmake, ${AGAIN}` }
  if (arch !== 'x64') return { env: {} }
  const named = env.ASM_NASM || 'nasm'
  if (probe(named, ['-v']) !== undefined) return { env: {} }
  const nasm = await fetchAssembler(env)
  return nasm === undefined ? { missing: `install nasm, ${AGAIN}` } : { env: { ASM_NASM: nasm } }
}

/** Debian's nasm in the user cache: the path of the program, or undefined where it cannot be had. */
async function fetchNasm(env) {
  if (process.platform !== 'linux' || capture('dpkg-deb', ['--version']) === undefined) return undefined
  const cache = cacheFolder(env)
  const target = join(cache, `nasm-${NASM.version}`)
  const program = join(target, 'usr/bin/nasm')
  if (existsSync(program)) return works(program)
  mkdirSync(cache, { recursive: true })
  const folder = mkdtempSync(join(cache, '.unpacking-nasm-'))
  const forget = removeOnExit(folder)
  try {
    const archive = join(folder, 'nasm.deb')
    await downloadFromDebian(archive)
    if (capture('dpkg-deb', ['-x', archive, join(folder, 'files')]) === undefined) return undefined
    if (!existsSync(program)) renameSync(join(folder, 'files'), target)
    return works(program)
  } catch {
    // Whatever went wrong, the set-up goes on without.
    return undefined
  } finally {
    rmSync(folder, { recursive: true, force: true })
    forget()
  }
}

async function downloadFromDebian(path) {
  for (const mirror of MIRRORS) {
    const url = `${mirror}/${NASM.path}`
    if (!(await reachable(url))) continue
    await download(url, path)
    return verify(path, NASM.sha256)
  }
  throw new Error('no mirror answers')
}

const works = (program) => (capture(program, ['-v']) === undefined ? undefined : program)
