import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { removeOnExit } from './cleanup.mjs'
import { capture } from './exec.mjs'
import { cacheFolder } from './libtorch.mjs'

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
export function turboTools(
  env = process.env,
  { probe = capture, arch = process.arch, fetchAssembler = fetchNasm } = {},
) {
  if (probe('cmake', ['--version']) === undefined) return { missing: `install cmake, ${AGAIN}` }
  if (arch !== 'x64') return { env: {} }
  const named = env.ASM_NASM || 'nasm'
  if (probe(named, ['-v']) !== undefined) return { env: {} }
  const nasm = fetchAssembler(env)
  return nasm === undefined ? { missing: `install nasm, ${AGAIN}` } : { env: { ASM_NASM: nasm } }
}

/**
 * Debian's nasm in the user cache, which needs nothing but libc; apt checks what it fetches.
 *
 * @returns the path of the program, or undefined where it cannot be had
 */
function fetchNasm(env) {
  if (process.platform !== 'linux') return undefined
  const cache = cacheFolder(env)
  const target = join(cache, 'nasm')
  const program = join(target, 'usr/bin/nasm')
  if (existsSync(program)) return works(program)
  mkdirSync(cache, { recursive: true })
  const folder = mkdtempSync(join(cache, '.unpacking-nasm-'))
  const forget = removeOnExit(folder)
  try {
    const quick = ['-o', 'Acquire::http::Timeout=10', '-o', 'Acquire::Retries=0']
    capture('apt-get', ['download', ...quick, 'nasm'], { cwd: folder, timeout: 60_000 })
    const archive = readdirSync(folder).find((name) => name.endsWith('.deb'))
    if (archive === undefined) return undefined
    if (capture('dpkg-deb', ['-x', archive, 'files'], { cwd: folder }) === undefined) return undefined
    if (!existsSync(program)) renameSync(join(folder, 'files'), target)
    return works(program)
  } finally {
    rmSync(folder, { recursive: true, force: true })
    forget()
  }
}

const works = (program) => (capture(program, ['-v']) === undefined ? undefined : program)
