import { linkSync, readFileSync, readlinkSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { ExitCode, VisslError } from '../errors.ts'
import { fileError } from '../logging/index.ts'

/** The file that says which process trains in a folder. */
export const LOCK_NAME = 'run.lock'

/** A process, so described that no other one is taken for it. */
export interface LockOwner {
  readonly pid: number
  readonly host: string
  /** When the run began, ISO 8601; for people. */
  readonly started: string
  /** What tells this process from another one that gets the same id later; empty where the system does not say. */
  readonly birth: string
  /** The space in which its id means something: that of a container, or of the whole machine. */
  readonly space: string
  /** The SLURM job; empty outside of one. */
  readonly job: string
}

/** Holds a folder for one run. */
export interface RunLock {
  /** Who held it before and left without giving it back; undefined where nobody did. */
  readonly takenFrom: LockOwner | undefined
  /** Gives the folder back. */
  release(): void
}

/**
 * Takes a folder for this process. What a process left behind that is gone is taken over: one that was killed on this
 * machine, or an earlier start of the same SLURM job. The lock is a file that appears with its content and disappears
 * with the run; no clock is compared.
 *
 * @param started when the run began
 * @throws VisslError (usage) when another run is in the folder, naming it; (environment) when it cannot be written
 */
export function lockRun(folder: string, started = new Date()): RunLock {
  const path = join(folder, LOCK_NAME)
  const own = JSON.stringify(describeSelf(started))
  let takenFrom: LockOwner | undefined
  while (!appears(path, own)) {
    const text = read(path)
    // Given back a moment ago.
    if (text === undefined) continue
    const owner = parse(text)
    if (owner !== undefined && mayBeAlive(owner)) throw occupied(folder, path, owner)
    if (setAside(path, text)) takenFrom = owner
  }
  const release = (): void => {
    process.off('exit', release)
    if (read(path) === own) rmSync(path, { force: true })
  }
  process.on('exit', release)
  return { takenFrom, release }
}

/** @returns false where the file is there already */
function appears(path: string, text: string): boolean {
  const sibling = `${path}.${process.pid}.tmp`
  try {
    writeFileSync(sibling, text)
    try {
      linkSync(sibling, path)
    } catch (error) {
      if (isCode(error, 'EEXIST')) return false
      // A file system without hard links. Two runs that start within the same moment may miss each other there.
      writeFileSync(path, text, { flag: 'wx' })
    }
    return true
  } catch (error) {
    if (isCode(error, 'EEXIST')) return false
    throw fileError('write', path, error)
  } finally {
    rmSync(sibling, { force: true })
  }
}

/** Removes the lock with this content, and no other one that has come in its place meanwhile. */
function setAside(path: string, text: string): boolean {
  const aside = `${path}.${process.pid}.old`
  try {
    renameSync(path, aside)
    if (read(aside) === text) return true
    linkSync(aside, path)
    return false
  } catch (error) {
    // Another run was quicker.
    if (isCode(error, 'ENOENT') || isCode(error, 'EEXIST')) return false
    throw fileError('replace', path, error)
  } finally {
    rmSync(aside, { force: true })
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (isCode(error, 'ENOENT')) return undefined
    throw fileError('read', path, error)
  }
}

/** @returns undefined for what no run wrote, such as a file that a full disk or a loss of power left empty */
function parse(text: string): LockOwner | undefined {
  try {
    const { pid, host, started, birth, space, job } = JSON.parse(text) as Record<string, unknown>
    if (typeof pid !== 'number' || !Number.isSafeInteger(pid) || pid <= 0 || typeof host !== 'string')
      return undefined
    const word = (value: unknown): string => (typeof value === 'string' ? value : '')
    return { pid, host, started: word(started), birth: word(birth), space: word(space), job: word(job) }
  } catch {
    return undefined
  }
}

const describeSelf = (started: Date): LockOwner => ({
  pid: process.pid,
  host: hostname(),
  started: started.toISOString(),
  birth: birthOf(process.pid) ?? '',
  space: processSpace(),
  job: process.env.SLURM_JOB_ID ?? '',
})

/** Whether a process may still be at work; of one on another machine nothing is known. */
function mayBeAlive({ pid, host, birth, space, job }: LockOwner): boolean {
  const isHere = host === hostname() && space === processSpace()
  if (isHere) return exists(pid) && (birth === '' || (birthOf(pid) ?? birth) === birth)
  // SLURM starts a job again when all of it has ended.
  return job === '' || job !== process.env.SLURM_JOB_ID || process.env.SLURM_RESTART_COUNT === undefined
}

/** Whether there is a process of this id on this machine. */
export function exists(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return isCode(error, 'EPERM')
  }
}

/** When a process began, in the system's own ticks, with the boot that they count from. */
function birthOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name of the program, in parentheses, may hold spaces and parentheses.
    const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    if (state === 'Z') return 'ended'
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()}:${fields[18]}`
  } catch {
    return undefined
  }
}

function processSpace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid')
  } catch {
    return ''
  }
}

function occupied(folder: string, path: string, { pid, host, started }: LockOwner): VisslError {
  const since = started === '' ? '' : `, since ${started}`
  return new VisslError(
    ExitCode.usage,
    `another run is in ${folder}: process ${pid} on ${host}${since}`,
    host === hostname()
      ? `stop it first (kill ${pid}), or choose another folder: config.CHECKPOINT.DIR=FOLDER`
      : `choose another folder: config.CHECKPOINT.DIR=FOLDER; where that run is over, remove ${path}`,
  )
}

const isCode = (error: unknown, code: string): boolean => (error as NodeJS.ErrnoException).code === code
