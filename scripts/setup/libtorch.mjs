import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { readSharedLibrary } from './elf.mjs'
import { SetupError } from './error.mjs'
import { capture } from './exec.mjs'
import { writeAtomic } from './stamp.mjs'
import { baseVersion } from './version.mjs'

export const LIBTORCH_VERSION = '2.13.0'
const SERIES = /^2\.13\.\d+$/

/** The user cache: `VISSL_CACHE`, else `XDG_CACHE_HOME/vissl`, else `~/.cache/vissl`. */
export function cacheFolder(env = process.env) {
  if (env.VISSL_CACHE) return resolve(env.VISSL_CACHE)
  return join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'vissl')
}

/**
 * The version of the libtorch (or Python torch package) in `dir`: from `build-version` (archives),
 * `version.py` (wheels) or the header; undefined where none of them is there.
 */
export function libtorchVersion(dir) {
  const archive = join(dir, 'build-version')
  if (existsSync(archive)) return baseVersion(readFileSync(archive, 'utf8'))
  const wheel = join(dir, 'version.py')
  if (existsSync(wheel)) {
    const match = /__version__\s*=\s*['"]([^'"]+)['"]/.exec(readFileSync(wheel, 'utf8'))
    if (match) return baseVersion(match[1])
  }
  for (const name of ['headeronly/version.h', 'version.h', 'csrc/api/include/torch/version.h']) {
    const header = join(dir, 'include', 'torch', name)
    if (!existsSync(header)) continue
    const text = readFileSync(header, 'utf8')
    const part = (key) => new RegExp(`TORCH_VERSION_${key}\\s+(\\d+)`).exec(text)?.[1]
    if (part('MAJOR')) return `${part('MAJOR')}.${part('MINOR')}.${part('PATCH')}`
  }
  return undefined
}

/**
 * Checks that `dir` is a whole libtorch of the right version.
 *
 * @returns the description that native/libtorch.json holds: version, dir, lib, preload (absolute paths in the
 *   order to dlopen them), files with their sizes, source
 * @throws SetupError naming what is wrong with it
 */
export function describeLibtorch(dir, source) {
  const lib = join(dir, 'lib')
  const cpu = join(lib, 'libtorch_cpu.so')
  const fix =
    source === 'LIBTORCH'
      ? `Point LIBTORCH at a libtorch ${LIBTORCH_VERSION}, or unset it to let the set-up fetch one.`
      : `Remove ${dir} and run the command again.`
  if (!existsSync(cpu)) throw new SetupError(`${dir} is no libtorch: lib/libtorch_cpu.so is missing`, fix)
  if (!existsSync(join(dir, 'include', 'ATen')))
    throw new SetupError(`${dir} is no libtorch: include/ATen is missing`, fix)
  const version = libtorchVersion(dir)
  if (version === undefined) throw new SetupError(`${dir} does not say which version of libtorch it is`, fix)
  if (!SERIES.test(version))
    throw new SetupError(`${dir} holds libtorch ${version}; vissl needs ${LIBTORCH_VERSION}`, fix)
  const files = loadOrder(cpu, fix)
  return { version, dir, lib, preload: files.map((file) => file.path), files, source }
}

/**
 * Every library that `library` needs and that lies beside it or on its own search path, dependencies first,
 * `library` last. System libraries (libc, libstdc++) are left to the loader.
 */
function loadOrder(library, fix, found = new Map()) {
  if (found.has(library)) return [...found.values()]
  const { needed, searchPath, size } = readSharedLibrary(library)
  found.set(library, undefined)
  for (const name of needed) {
    const path = [dirname(library), ...searchPath]
      .map((folder) => resolve(folder, name))
      .find((file) => existsSync(file))
    if (path) loadOrder(path, fix, found)
    else if (/^lib(cudart|cupti|torch|c10|gomp-)/.test(name))
      throw new SetupError(`${library} needs ${name}, which is not there`, fix)
  }
  found.delete(library)
  found.set(library, { path: library, size })
  return [...found.values()]
}

/** A description made earlier, if it is whole and every file in it is still there with the size it had. */
export function recordedLibtorch(recordFile) {
  if (!existsSync(recordFile)) return undefined
  try {
    const record = JSON.parse(readFileSync(recordFile, 'utf8'))
    const whole = record.files.every(({ path, size }) => existsSync(path) && statSync(path).size === size)
    return whole && existsSync(join(record.dir, 'include', 'ATen')) ? record : undefined
  } catch {
    return undefined
  }
}

/** The folder of the `torch` package of a Python, found without importing it; undefined if it has none. */
export function pythonTorch(python) {
  const code =
    "import importlib.util as u; s = u.find_spec('torch'); print(s.submodule_search_locations[0] if s else '')"
  return capture(python, ['-c', code]) || undefined
}

/**
 * Makes the folder that the compiler is given as LIBTORCH: the real headers, links to the CPU libraries, and a
 * `libtorch.so` that stands for them, so that nothing CUDA is linked even where it is installed.
 */
export function writeLinkFolder(folder, libtorch) {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(join(folder, 'lib'), { recursive: true })
  symlinkSync(join(libtorch.dir, 'include'), join(folder, 'include'))
  for (const path of libtorch.preload)
    symlinkSync(path, join(folder, 'lib', path.slice(path.lastIndexOf('/') + 1)))
  writeFileSync(join(folder, 'lib', 'libtorch.so'), 'INPUT(-ltorch_cpu)\n')
}

export function writeRecord(recordFile, libtorch) {
  writeAtomic(recordFile, `${JSON.stringify(libtorch, null, 2)}\n`)
}

/** Folders in the cache that an unpacking left behind when its process was killed outright. */
export function removeLeftovers(cache) {
  if (!existsSync(cache)) return
  for (const name of readdirSync(cache)) {
    if (name.startsWith('.unpacking-')) rmSync(join(cache, name), { recursive: true, force: true })
  }
}
