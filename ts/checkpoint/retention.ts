import { createHash } from 'node:crypto'
import { closeSync, openSync, readdirSync, readlinkSync, readSync, rmSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { LINK_NAME } from './names.ts'
import { checkFileDigest, loadTorchFile, writeFileAtomically } from './torch-file.ts'

const ITERATION = /^model_iteration(\d+)\.torch$/
const PHASE = /^model_phase(\d+)\.torch$/
const FINAL = /^model_final_checkpoint_phase(\d+)\.torch$/
const DIGEST = '.sha256'

/**
 * The checkpoints of a folder, newest first: the one that `checkpoint.torch` points to, the final one, and those by
 * step and by phase, each kind by its numbers and both merged by when they were written.
 *
 * @returns their paths; empty for a folder that cannot be read
 */
export function newestFirst(folder: string): string[] {
  const names = namesIn(folder)
  const linked = linkedName(folder)
  const steps = numbered(names, ITERATION).reverse()
  const phases = numbered(names, PHASE).reverse()
  const merged: string[] = []
  while (steps.length > 0 && phases.length > 0) {
    const isStepNewer = writtenAt(join(folder, steps[0]!)) >= writtenAt(join(folder, phases[0]!))
    merged.push((isStepNewer ? steps : phases).shift()!)
  }
  const all = [...numbered(names, FINAL).reverse(), ...merged, ...steps, ...phases]
  const first = linked !== undefined && names.includes(linked) ? [linked] : []
  return [...new Set([...first, ...all])].map((name) => join(folder, name))
}

/**
 * The first checkpoint that is what was written. One whose process was killed between the file and its digest is read
 * whole instead, and gets its digest.
 *
 * @param paths the preferred one first
 * @param warn told which are passed over, and why
 * @returns the first of all where none is sound, so that its reader tells what is wrong; undefined for no paths
 */
export function firstVerified(paths: readonly string[], warn: (message: string) => void): string | undefined {
  const passedOver: string[] = []
  for (const path of paths) {
    try {
      if (!checkFileDigest(path)) {
        loadTorchFile(path, { verify: false })
        writeDigest(path)
        warn(`${path} had no digest, as after a kill in the midst of saving; its content is whole`)
      }
      for (const message of passedOver) warn(message)
      return path
    } catch (error) {
      passedOver.push(`${path} is passed over: ${(error as Error).message}`)
    }
  }
  return paths[0]
}

/**
 * Deletes what a run needs no longer: of the checkpoints by step up to `iteration` all but the newest `keep`, with their
 * digests. Stay: final ones and those of phases, the one that `checkpoint.torch` points to, and those of later steps,
 * which belong to a course that the run has left and comes by again.
 *
 * @param keep how many stay; 0: all
 * @param iteration step of the checkpoint that was just completed
 * @returns the names of the deleted ones
 */
export function keepNewest(folder: string, keep: number, iteration: number): string[] {
  if (keep <= 0) return []
  const linked = linkedName(folder)
  const older = numbered(namesIn(folder), ITERATION).filter((name) => numberOf(name, ITERATION) <= iteration)
  const deleted = older.slice(0, -keep).filter((name) => linked === undefined || name !== basename(linked))
  for (const name of deleted) {
    // In this order a kill leaves no checkpoint without its digest.
    rmSync(join(folder, name), { force: true })
    rmSync(join(folder, `${name}${DIGEST}`), { force: true })
  }
  return deleted
}

/** Names of files in the making, with the id of the process that makes them. */
const TEMPORARIES = [
  /^\..+\.(\d+)-\d+\.vissl-tmp$/,
  /^\.checkpoint\.torch\.(\d+)$/,
  /^(?:metrics\.json|run\.json|run\.lock|train_config\.yaml)\.(\d+)\.(?:tmp|old)$/,
]

/**
 * Removes what processes left in a folder that were killed while they wrote.
 *
 * @param isAlive whether a process still runs, and so may go on with its files
 * @returns the names of the removed files
 */
export function removeStrays(folder: string, isAlive: (pid: number) => boolean): string[] {
  return namesIn(folder).filter((name) => {
    const id = TEMPORARIES.map((pattern) => pattern.exec(name)?.[1]).find((found) => found !== undefined)
    if (id === undefined || (Number(id) !== process.pid && isAlive(Number(id)))) return false
    rmSync(join(folder, name), { force: true })
    return true
  })
}

function writeDigest(path: string): void {
  const hash = createHash('sha256')
  const chunk = Buffer.alloc(1 << 20)
  const descriptor = openSync(path, 'r')
  try {
    for (let read = -1; read !== 0; ) {
      read = readSync(descriptor, chunk)
      hash.update(chunk.subarray(0, read))
    }
  } finally {
    closeSync(descriptor)
  }
  writeFileAtomically(`${path}${DIGEST}`, Buffer.from(`${hash.digest('hex')}  ${basename(path)}\n`))
}

const numberOf = (name: string, pattern: RegExp): number => Number(pattern.exec(name)?.[1])

/** The names of a pattern, by their numbers upwards. */
const numbered = (names: readonly string[], pattern: RegExp): string[] =>
  names.filter((name) => pattern.test(name)).sort((a, b) => numberOf(a, pattern) - numberOf(b, pattern))

function writtenAt(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0
}

/** The name that `checkpoint.torch` points to; undefined where there is no such link. */
function linkedName(folder: string): string | undefined {
  try {
    return readlinkSync(join(folder, LINK_NAME))
  } catch {
    return undefined
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).sort()
  } catch {
    return []
  }
}
