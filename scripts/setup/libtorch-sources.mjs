import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
} from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { removeOnExit } from './cleanup.mjs'
import { download, reachable, verify } from './download.mjs'
import { readSharedLibrary } from './elf.mjs'
import { looksLikeNetworkFailure, NETWORK_FIX, SetupError } from './error.mjs'
import { capture, run, tail } from './exec.mjs'
import { cacheFolder, describeLibtorch, LIBTORCH_VERSION, pythonTorch, removeLeftovers } from './libtorch.mjs'
import { withLock } from './lock.mjs'
import { formatTransfer } from './progress.mjs'
import { byRules, unzip } from './zip.mjs'

const ARCHIVE = `https://download.pytorch.org/libtorch/cpu/libtorch-shared-with-deps-${LIBTORCH_VERSION}%2Bcpu.zip`

/** SHA-256 of the wheels we know; other wheels are checked by pip against the index's own digests. */
const WHEEL_SHA256 = {
  'torch-2.13.0-cp311-cp311-manylinux_2_28_x86_64.whl':
    '60fcdcb2f3876e21146cb4524ef06397d727ca9ad5f020818547e25075fe3cb7',
}

const CUDA_STUBS = ['nvidia-cuda-cupti==13.0.*', 'nvidia-cuda-runtime==13.0.*']
const SPACE_NEEDED = 3e9

const ARCHIVE_RULES = byRules([
  [/^libtorch\/include\//, 'include/'],
  [/^libtorch\/lib\/(?=lib(torch_cpu|c10|gomp)[-.][^/]*$)/, 'lib/'],
  [/^libtorch\/(?=build-version$)/, ''],
])
/** What is taken out of torch's wheel, and where it goes. */
export const WHEEL_RULES = byRules([
  [/^torch\/include\//, 'include/'],
  [
    /^(torch\/lib|torch\.libs)\/(?=lib(torch_cpu|c10|(gomp|gfortran|arm_compute|openblas)[^/]*)\.so[^/]*$)/,
    'lib/',
  ],
  [/^torch\/(?=version\.py$)/, ''],
])
const CUDA_RULES = byRules([[/^nvidia\/.*\/lib\/(?=lib(cudart|cupti)\.so\.\d+$)/, 'lib/']])

/**
 * A libtorch from the first source that has one: LIBTORCH, a Python with torch, the user cache, the official
 * archive, the Python wheel. `step` shows the progress.
 *
 * @throws SetupError when LIBTORCH is wrong, or nothing could be fetched
 */
export async function provisionLibtorch(step, env = process.env) {
  if (env.LIBTORCH) return describeLibtorch(resolve(env.LIBTORCH), 'LIBTORCH')
  const local = fromPython(env)
  if (local) return local
  const cache = cacheFolder(env)
  const target = join(cache, `libtorch-${LIBTORCH_VERSION}`)
  if (existsSync(target)) return describeLibtorch(target, 'cache')
  mkdirSync(cache, { recursive: true })
  return withLock(
    join(cache, 'libtorch.lock'),
    async () => {
      if (existsSync(target)) return describeLibtorch(target, 'cache')
      requireSpace(cache)
      removeLeftovers(cache)
      const source = (await officialArchive(step, cache, target)) ?? (await wheel(step, cache, target, env))
      return describeLibtorch(target, source)
    },
    ({ pid }) => step.update(`another set-up (process ${pid}) is fetching it`),
  )
}

function fromPython(env) {
  const python = env.VISSL_PYTHON || 'python3'
  const dir = pythonTorch(python)
  if (!dir) {
    if (env.VISSL_PYTHON)
      throw new SetupError(
        `VISSL_PYTHON=${env.VISSL_PYTHON} has no torch package`,
        `Install torch==${LIBTORCH_VERSION} there, or unset VISSL_PYTHON.`,
      )
    return undefined
  }
  try {
    return describeLibtorch(dir, `python ${python}`)
  } catch (error) {
    // A python3 on the PATH with another torch is an ordinary thing: go on to the next source.
    if (env.VISSL_PYTHON || !(error instanceof SetupError)) throw error
    return undefined
  }
}

function requireSpace(folder) {
  const { bavail, bsize } = statfsSync(folder)
  if (bavail * bsize >= SPACE_NEEDED) return
  throw new SetupError(
    `${folder} has ${((bavail * bsize) / 1e9).toFixed(1)} GB free; fetching and unpacking libtorch needs ${SPACE_NEEDED / 1e9} GB`,
    'Free some space, or set VISSL_CACHE to a folder on a larger disk.',
  )
}

async function officialArchive(step, cache, target) {
  if (process.platform !== 'linux' || process.arch !== 'x64' || !(await reachable(ARCHIVE))) return undefined
  const zip = join(cache, `libtorch-${LIBTORCH_VERSION}-cpu.zip`)
  if (!existsSync(zip)) await download(ARCHIVE, zip, (...state) => step.update(formatTransfer(...state)))
  await unpack(step, cache, target, [[zip, ARCHIVE_RULES]])
  rmSync(zip, { force: true })
  return 'official archive'
}

async function wheel(step, cache, target, env) {
  const python = env.VISSL_PYTHON || 'python3'
  requirePip(python)
  const folder = mkdtempSync(join(cache, '.unpacking-wheel-'))
  const forget = removeOnExit(folder)
  const torch = await pipDownload(step, python, [`torch==${LIBTORCH_VERSION}`], folder)
  const parts = torch.map((path) => [path, WHEEL_RULES])
  await unpack(step, cache, target, parts, async (unpacked) => {
    const { needed } = readSharedLibrary(join(unpacked, 'lib', 'libtorch_cpu.so'))
    if (!needed.some((name) => name.startsWith('libcupti'))) return
    for (const path of await pipDownload(step, python, CUDA_STUBS, folder))
      await unzip(path, unpacked, CUDA_RULES)
  })
  rmSync(folder, { recursive: true, force: true })
  forget()
  return 'wheel'
}

function requirePip(python) {
  if (capture(python, ['--version']) === undefined) {
    throw new SetupError(
      `libtorch's own server cannot be reached, and the other way to fetch it needs Python 3 (${python} is missing)`,
      'Install python3 and python3-pip, or set LIBTORCH to a libtorch folder.',
    )
  }
  if (capture(python, ['-m', 'pip', '--version']) === undefined) {
    throw new SetupError(
      `${python} has no pip, which fetches libtorch`,
      'Install python3-pip (or run: python3 -m ensurepip), or set LIBTORCH.',
    )
  }
}

/** Runs `pip download --no-deps`; progress is read from the growing files, as pip shows none without a terminal. */
async function pipDownload(step, python, requirements, folder) {
  const wheels = mkdtempSync(join(folder, 'wheels-'))
  const temporary = mkdtempSync(join(folder, 'tmp-'))
  const args = [
    '-m',
    'pip',
    'download',
    '--no-deps',
    '--only-binary=:all:',
    '--disable-pip-version-check',
    '--no-cache-dir',
    '-d',
    wheels,
    ...requirements,
  ]
  const began = performance.now()
  let total = 0
  const watch = setInterval(() => {
    const done = folderBytes(temporary)
    if (done > 0) step.update(formatTransfer(done, total, done / ((performance.now() - began) / 1000)))
  }, 250)
  const onText = (text) => {
    const match = /Downloading \S+ \(([\d.]+) (kB|MB|GB)\)/.exec(text)
    if (match) total = Number(match[1]) * { kB: 1e3, MB: 1e6, GB: 1e9 }[match[2]]
  }
  const { code, output } = await run(python, args, { env: { ...process.env, TMPDIR: temporary }, onText })
  clearInterval(watch)
  if (code !== 0) {
    const fix = looksLikeNetworkFailure(output)
      ? `${NETWORK_FIX} Without a network, set LIBTORCH to a libtorch ${LIBTORCH_VERSION} folder.`
      : 'If no matching distribution was found, this Python is too old or too new for it: set VISSL_PYTHON to Python 3.10 to 3.14, or LIBTORCH to a libtorch folder.'
    throw new SetupError(`pip could not fetch ${requirements.join(' ')}:\n${tail(output, 8)}`, fix)
  }
  rmSync(temporary, { recursive: true, force: true })
  const files = readdirSync(wheels).map((name) => join(wheels, name))
  for (const path of files) {
    const expected = WHEEL_SHA256[basename(path)]
    if (expected) await verify(path, expected)
  }
  return files
}

function folderBytes(folder) {
  let bytes = 0
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const { size } = statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false }) ?? { size: 0 }
    bytes += size
  }
  return bytes
}

/**
 * Unpacks archives into a folder beside `target` and renames it only when everything in it is whole, so that
 * `target` either is complete or does not exist.
 */
export async function unpack(step, cache, target, archives, finish = async () => {}) {
  const partial = mkdtempSync(join(cache, '.unpacking-'))
  const forget = removeOnExit(partial)
  try {
    for (const [path, rules] of archives) {
      await unzip(path, partial, rules, (done, total) =>
        step.update(`unpacking ${Math.floor((done / total) * 100)} %`),
      )
    }
    await finish(partial)
    chmodSync(partial, 0o755)
    renameSync(partial, target)
  } catch (error) {
    rmSync(partial, { recursive: true, force: true })
    if (error.code === 'ENOSPC')
      throw new SetupError(
        `the disk of ${cache} is full`,
        'Free some space, or set VISSL_CACHE to a folder on a larger disk.',
        { cause: error },
      )
    throw error
  } finally {
    forget()
  }
}
