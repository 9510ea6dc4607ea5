import { createHash } from 'node:crypto'
import { constants, existsSync, statSync } from 'node:fs'
import {
  copyFile,
  mkdir,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  stat,
  statfs,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join, resolve } from 'node:path'
import { ExitCode, VisslError } from '../../errors.ts'
import type { DatasetCatalog } from '../catalog.ts'
import type { DataSplit, SplitName } from '../dataset.ts'
import { pathsOf } from './resolve.ts'

/** Files that are copied at a time. */
const jobs = 40

/** What a folder that was copied whole holds: the path of which it is the copy. */
const marker = 'copy_complete'

export interface StageOptions {
  env?: Readonly<Record<string, string | undefined>>
  /** Whether this process copies; one a machine does, the others wait in `barrier`. Default true. */
  isLeader?: boolean
  /** Called once when the copies are there, by every process. */
  barrier?: () => unknown
  /** What the processes of one run on this machine have in common; names the temporary folder. */
  runId?: string
  catalog?: DatasetCatalog
  say?: (message: string) => void
  /** Ends the copying; what was copied stays and need not be copied again. */
  signal?: AbortSignal
}

export interface Staged<T> {
  splits: T
  /** Deletes the copies where they are temporary: no `COPY_DESTINATION_DIR`, or a job of SLURM. */
  cleanUp(): Promise<void>
}

/**
 * Copies the data of every split with `COPY_TO_LOCAL_DISK` to `COPY_DESTINATION_DIR`, or to a temporary folder, and
 * gives the splits with the copies' paths. Under SLURM the copies lie in a folder with the job's number.
 *
 * A file appears under its name when it is whole, a folder counts when all of it was copied; what an interrupted run
 * left is used. Unlike VISSL, two folders of one name do not share a copy.
 *
 * @throws VisslError when the data are missing or the disk is full
 */
export async function stageData<T extends Readonly<Record<SplitName, DataSplit>>>(
  splits: T,
  options: StageOptions = {},
): Promise<Staged<T>> {
  const staged: Record<SplitName, DataSplit> = { ...splits }
  const temporary = new Set<string>()
  const cleanUp = async () => {
    if (options.isLeader === false) return
    for (const folder of temporary) await rm(folder, { recursive: true, force: true })
  }
  try {
    for (const splitName of Object.keys(splits) as SplitName[]) {
      const split = splits[splitName]
      if (split.COPY_TO_LOCAL_DISK !== true || split.DATA_SOURCES.length === 0) continue
      const { folder, isTemporary } = destination(split, options)
      if (isTemporary) temporary.add(folder)
      staged[splitName] = await stageSplit(split, splitName, folder, options)
    }
    await options.barrier?.()
  } catch (error) {
    await cleanUp()
    throw error
  }
  return { splits: { ...splits, ...staged }, cleanUp }
}

function destination(split: DataSplit, { env = process.env, runId = String(process.pid) }: StageOptions) {
  const given = split.COPY_DESTINATION_DIR ?? ''
  const job = env.SLURM_JOBID
  const base = given === '' ? join(tmpdir(), `vissl-data-${runId}`) : resolve(given)
  return { folder: job ? join(base, job) : base, isTemporary: given === '' || Boolean(job) }
}

async function stageSplit(
  split: DataSplit,
  splitName: SplitName,
  folder: string,
  options: StageOptions,
): Promise<DataSplit> {
  const { catalog } = options
  const { data, labels } = pathsOf({ split, splitName, channels: 3, ...(catalog && { catalog }) })
  const copies = new Map<string, string>()
  for (const path of [...data, ...labels.flat()]) {
    // A pattern of shards, or nothing: read where it is.
    if (path === '' || !existsSync(path)) continue
    const origin = resolve(path)
    copies.set(path, await placeFor(origin, folder, [...copies.values()]))
    if (options.isLeader !== false) await copy(origin, copies.get(path)!, options)
  }
  const stagedPath = (path: string): string => copies.get(path) ?? path
  return {
    ...split,
    DATA_PATHS: data.map(stagedPath),
    LABEL_PATHS: labels.map((paths) =>
      typeof paths === 'string' ? stagedPath(paths) : paths.map(stagedPath),
    ),
  }
}

/** Where the copy of a path lies: under its own name, unless that is the copy of something else. */
async function placeFor(origin: string, folder: string, taken: readonly string[]): Promise<string> {
  const plain = join(folder, basename(origin))
  const hash = createHash('sha256').update(origin).digest('hex').slice(0, 8)
  const isOther = statSync(origin).isDirectory() && ![origin, ''].includes(await copiedFrom(plain, origin))
  return isOther || taken.includes(plain) ? join(folder, `${basename(origin)}-${hash}`) : plain
}

/** What a folder is the copy of; `otherwise` when it is none or does not say. */
const copiedFrom = (folder: string, otherwise: string): Promise<string> =>
  readFile(join(folder, marker), 'utf8').catch(() => otherwise)

async function copy(origin: string, target: string, options: StageOptions): Promise<void> {
  const { say = () => {}, signal } = options
  const isFolder = statSync(origin).isDirectory()
  if (isFolder && existsSync(join(target, marker))) return
  const files = isFolder ? await filesBelow(origin, signal) : ['']
  const to = (file: string) => (file === '' ? target : join(target, file))
  const wanted: { file: string; bytes: number }[] = []
  for (const file of files) {
    const { size, mtimeMs } = await stat(join(origin, file))
    const there = await stat(to(file)).catch(() => undefined)
    const isSame = there?.size === size && Math.abs(there.mtimeMs - mtimeMs) < 2
    if (!isSame) wanted.push({ file, bytes: size })
  }
  const bytes = wanted.reduce((sum, { bytes }) => sum + bytes, 0)
  if (wanted.length > 0) say(`copying ${origin} to ${target} (${(bytes / 1e9).toFixed(2)} GB)`)
  try {
    await mkdir(isFolder ? target : join(target, '..'), { recursive: true })
    await requireRoom(join(target, '..'), bytes)
    for (const folder of new Set(wanted.map(({ file }) => join(to(file), '..'))))
      await mkdir(folder, { recursive: true })
    let queue = [...wanted]
    const work = async () => {
      for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
        try {
          signal?.throwIfAborted()
          await copyWhole(join(origin, next.file), to(next.file))
        } catch (error) {
          queue = []
          throw error
        }
      }
    }
    // All have ended before an error is passed on, so that nothing is written after it.
    const ended = await Promise.allSettled(Array.from({ length: Math.min(jobs, wanted.length) }, work))
    for (const one of ended) if (one.status === 'rejected') throw one.reason
    if (isFolder) await writeFile(join(target, marker), origin, { flush: true })
  } catch (error) {
    if (error instanceof VisslError || signal?.aborted) throw error
    throw new VisslError(
      ExitCode.environment,
      `${origin} cannot be copied to ${target}: ${(error as Error).message}`,
      'free some space, set COPY_DESTINATION_DIR to another disk, or COPY_TO_LOCAL_DISK to false',
      { cause: error },
    )
  }
}

/** Copies a file so that it is whole or not there, with its time. */
async function copyWhole(from: string, to: string): Promise<void> {
  const partial = `${to}.${process.pid}.part`
  try {
    await copyFile(from, partial, constants.COPYFILE_FICLONE)
    const { atime, mtime } = await stat(from)
    await utimes(partial, atime, mtime)
    await rename(partial, to)
  } catch (error) {
    await rm(partial, { force: true }).catch(() => {})
    throw error
  }
}

async function requireRoom(folder: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder)
  if (bavail * bsize >= bytes) return
  const gigabytes = (value: number) => (value / 1e9).toFixed(1)
  throw new VisslError(
    ExitCode.environment,
    `${folder} has room for ${gigabytes(bavail * bsize)} GB, and the data need ${gigabytes(bytes)} GB`,
    'set COPY_DESTINATION_DIR to another disk, or COPY_TO_LOCAL_DISK to false',
  )
}

/** Files below a folder by their relative paths. Links are followed, except back to a folder above. */
async function filesBelow(root: string, signal?: AbortSignal): Promise<string[]> {
  const files: string[] = []
  const visit = async (folder: string, above: readonly string[]): Promise<void> => {
    signal?.throwIfAborted()
    const real = await realpath(join(root, folder))
    if (above.includes(real)) return
    for (const name of (await readdir(join(root, folder))).sort()) {
      const path = join(folder, name)
      const found = await stat(join(root, path)).catch(() => undefined)
      if (found?.isDirectory()) await visit(path, [...above, real])
      else if (found?.isFile()) files.push(path)
    }
  }
  await visit('', [])
  return files
}
