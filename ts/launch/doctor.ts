import { lookup } from 'node:dns/promises'
import { accessSync, constants, readFileSync, statfsSync, statSync } from 'node:fs'
import { arch, availableParallelism, hostname, platform, totalmem } from 'node:os'
import { dirname } from 'node:path'
import type { JpegDecoder } from '../data/index.ts'
import { packageVersion } from '../logging/index.ts'

/** What one check found. */
export interface Finding {
  /** `ok` works, `note` works with a limit, `bad` does not work. */
  readonly state: 'ok' | 'note' | 'bad'
  readonly what: string
  readonly detail: string
  /** What to do about it; with `bad` and `note`. */
  readonly fix?: string
}

const OLDEST_NODE = [20, 19]
/** Bytes that a run's checkpoints and logs easily take. */
const LITTLE_SPACE = 2e9
const GIB = 2 ** 30

/**
 * Checks what vissl needs of a machine, one part after another; a part that fails does not hide the others.
 *
 * @param cwd the folder in which runs would be written
 */
export async function examine(cwd: string): Promise<Finding[]> {
  return [
    checkNode(process.versions.node),
    ...(await checkHostAddon()),
    ...(await checkLibtorch()),
    checkMachine(),
    ...(await checkPrecision()),
    checkFolder(cwd),
    await checkProcesses(),
  ]
}

/** @param version as in `process.versions.node` */
export function checkNode(version: string): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const [oldest, oldestMinor] = OLDEST_NODE as [number, number]
  if (major > oldest || (major === oldest && minor >= oldestMinor))
    return { state: 'ok', what: `Node ${version}`, detail: '' }
  return {
    state: 'bad',
    what: `Node ${version}`,
    detail: `is too old; ${OLDEST_NODE.join('.')} or newer is needed`,
    fix: 'install a current Node from https://nodejs.org, or with: nvm install 22',
  }
}

async function checkHostAddon(): Promise<Finding[]> {
  const what = `native core ${packageVersion()}`
  try {
    const { jpegDecoder } = await import('../data/index.ts')
    const decoder = jpegDecoder()
    return [{ state: 'ok', what, detail: `${platform()}-${arch()}` }, checkJpeg(decoder)]
  } catch (error) {
    return [failure(what, error, 'npm run setup')]
  }
}

/** @param decoder the JPEG decoder that set-up built in */
export function checkJpeg(decoder: JpegDecoder): Finding {
  if (decoder === 'libjpeg-turbo') return { state: 'ok', what: 'JPEG', detail: decoder }
  return {
    state: 'note',
    what: 'JPEG',
    detail: `${decoder}, which takes about 17 % longer a photograph than libjpeg-turbo`,
    fix: 'install cmake and nasm, and run: npm run setup -- --force',
  }
}

async function checkLibtorch(): Promise<Finding[]> {
  const found: Finding[] = []
  const driver = nvidiaDriver()
  try {
    const { cudaDeviceCount, libtorchRecord, libtorchVersion } = await import('../engine/index.ts')
    const { version, preload } = libtorchRecord()
    const built = libtorchVersion()
    const folder = dirname(preload.at(-1) ?? '')
    found.push({ state: 'ok', what: `libtorch ${version}`, detail: `built with ${built}, in ${folder}` })
    found.push(
      checkCuda(
        driver,
        cudaDeviceCount(),
        preload.some((path) => path.includes('torch_cuda')),
      ),
    )
  } catch (error) {
    found.push(failure('libtorch', error, 'npm run setup'))
  }
  return found
}

/**
 * @param driver version of the NVIDIA driver, undefined without one
 * @param devices devices that libtorch can use
 * @param hasCuda whether the libtorch that is set up has its CUDA part
 */
export function checkCuda(driver: string | undefined, devices: number, hasCuda: boolean): Finding {
  if (devices > 0) return { state: 'ok', what: 'CUDA', detail: `driver ${driver ?? '?'}, ${devices} GPU(s)` }
  if (driver === undefined)
    return { state: 'ok', what: 'CUDA', detail: 'no NVIDIA GPU: training runs on the CPU' }
  return {
    state: 'bad',
    what: 'CUDA',
    detail: `driver ${driver} is there, but libtorch ${hasCuda ? 'finds no device' : 'has no CUDA part'}`,
    fix: hasCuda
      ? 'look at nvidia-smi, and at CUDA_VISIBLE_DEVICES'
      : 'point LIBTORCH at a CUDA build of libtorch 2.13.0 and run: npm run setup',
  }
}

function nvidiaDriver(): string | undefined {
  const text = readText('/proc/driver/nvidia/version')
  return text === undefined
    ? undefined
    : (/Kernel Module\s+(?:for \S+\s+)?(\S+)/.exec(text)?.[1] ?? 'unknown')
}

function checkMachine(): Finding {
  const memory = Math.min(totalmem(), memoryLimit() ?? Number.POSITIVE_INFINITY)
  const gib = (memory / GIB).toFixed(1)
  const detail = `${availableParallelism()} cores, ${gib} GiB of memory`
  if (memory >= 2 * GIB) return { state: 'ok', what: 'machine', detail }
  return {
    state: 'note',
    what: 'machine',
    detail,
    fix: 'with so little memory use a small batch: config.DATA.TRAIN.BATCHSIZE_PER_REPLICA=32',
  }
}

/** What a container may use, in bytes. */
function memoryLimit(): number | undefined {
  const text =
    readText('/sys/fs/cgroup/memory.max') ?? readText('/sys/fs/cgroup/memory/memory.limit_in_bytes')
  const bytes = Number(text)
  return Number.isFinite(bytes) && bytes > 0 ? bytes : undefined
}

async function checkPrecision(): Promise<Finding[]> {
  const { slowAutocast } = await import('../engine/index.ts')
  const reason = slowAutocast('bfloat16')
  if (reason === undefined)
    return [{ state: 'ok', what: 'bfloat16', detail: 'this processor has instructions for it' }]
  return [
    {
      state: 'note',
      what: 'bfloat16',
      detail: reason,
      fix: 'leave config.MODEL.AMP_PARAMS.USE_AMP off on the CPU',
    },
  ]
}

function checkFolder(cwd: string): Finding {
  const what = 'this folder'
  try {
    accessSync(cwd, constants.W_OK)
    const { bavail, bsize } = statfsSync(cwd)
    const free = bavail * bsize
    const detail = `writable, ${(free / GIB).toFixed(1)} GiB free`
    if (free >= LITTLE_SPACE) return { state: 'ok', what, detail }
    return {
      state: 'note',
      what,
      detail,
      fix: 'checkpoints may not fit: free some space, or set config.CHECKPOINT.DIR to a folder on another disk',
    }
  } catch (error) {
    return failure(what, error, 'set config.CHECKPOINT.DIR to a folder in which you may write', '')
  }
}

/** Whether several processes of this machine, and of several machines, could find each other. */
async function checkProcesses(): Promise<Finding> {
  const what = 'processes'
  const name = hostname()
  try {
    const { address } = await lookup(name)
    const local = address.startsWith('127.') ? ', which other machines cannot reach' : ''
    return { state: 'ok', what, detail: `${name} is ${address}${local}` }
  } catch {
    return {
      state: 'note',
      what,
      detail: `the host name ${name} has no address: runs over several machines cannot start from here`,
      fix: `add a line with its address and "${name}" to /etc/hosts`,
    }
  }
}

function failure(what: string, error: unknown, command: string, verb = 'run: '): Finding {
  const { message, fix } = error as Error & { fix?: string }
  return { state: 'bad', what, detail: message, fix: fix ?? `${verb}${command}` }
}

function readText(path: string): string | undefined {
  try {
    return statSync(path).isFile() ? readFileSync(path, 'utf8') : undefined
  } catch {
    return undefined
  }
}
