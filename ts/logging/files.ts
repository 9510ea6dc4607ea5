import {
  closeSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { ExitCode, VisslError } from '../errors.ts'

/** What {@link fileError} calls the making of a folder. */
export const MAKE_FOLDER = 'make the folder'

/** The error for a file that cannot be made or written. */
export function fileError(action: string, path: string, cause: unknown): VisslError {
  const code = (cause as NodeJS.ErrnoException).code ?? ''
  const reasons: Record<string, [string, string]> = {
    ENOSPC: ['the disk is full', 'free some space, or set config.CHECKPOINT.DIR to a folder on another disk'],
    EDQUOT: ['your disk quota is used up', 'free some space, or set config.CHECKPOINT.DIR to another place'],
    EACCES: ['no permission', 'choose another folder: config.CHECKPOINT.DIR=FOLDER'],
    EPERM: ['no permission', 'choose another folder: config.CHECKPOINT.DIR=FOLDER'],
    EROFS: ['the file system is read-only', 'choose another folder: config.CHECKPOINT.DIR=FOLDER'],
    ENOTDIR: ['a part of the path is a file', 'choose another folder: config.CHECKPOINT.DIR=FOLDER'],
    EEXIST: ['there is a file of that name', 'choose another folder: config.CHECKPOINT.DIR=FOLDER'],
    EISDIR: ['there is a folder of that name', `remove or rename ${path}`],
    ENOENT:
      action === MAKE_FOLDER
        ? ['no folder can be made there', 'choose another folder: config.CHECKPOINT.DIR=FOLDER']
        : ['its folder does not exist', `make the folder ${dirname(path)}`],
  }
  const [reason, fix] = reasons[code] ?? [
    cause instanceof Error ? cause.message : String(cause),
    'choose another folder: config.CHECKPOINT.DIR=FOLDER',
  ]
  return new VisslError(ExitCode.environment, `cannot ${action} ${path}: ${reason}`, fix, { cause })
}

/**
 * A text file that is only added to, line by line. Every line is handed to the operating system before `write`
 * returns, so a kill of the process loses nothing and a loss of power at most the newest lines. An incomplete last
 * line that an earlier process left is cut off on opening.
 */
export class LineFile {
  readonly path: string
  #descriptor: number | undefined

  /** @throws VisslError (environment) */
  constructor(path: string) {
    this.path = path
    try {
      this.#descriptor = openSync(path, 'a+')
      cutIncompleteLine(this.#descriptor)
    } catch (error) {
      throw fileError('write', path, error)
    }
  }

  /** @throws VisslError (environment), for example when the disk is full; the file then ends with a whole line */
  write(line: string): void {
    if (this.#descriptor === undefined) return
    const bytes = Buffer.from(`${line}\n`)
    const before = fstatSync(this.#descriptor).size
    try {
      let written = 0
      while (written < bytes.length) written += writeSync(this.#descriptor, bytes, written)
    } catch (error) {
      this.#restore(before)
      throw fileError('write', this.path, error)
    }
  }

  /** Takes a part of a line away again; what is no regular file keeps it. */
  #restore(size: number): void {
    if (this.#descriptor !== undefined && fstatSync(this.#descriptor).isFile())
      ftruncateSync(this.#descriptor, size)
  }

  /** Writes of a closed file are dropped. */
  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor)
    this.#descriptor = undefined
  }
}

function cutIncompleteLine(descriptor: number): void {
  const { size } = fstatSync(descriptor)
  const chunk = Buffer.alloc(4096)
  for (let end = size; end > 0; end -= chunk.length) {
    const start = Math.max(0, end - chunk.length)
    const read = readSync(descriptor, chunk, 0, end - start, start)
    const newline = chunk.subarray(0, read).lastIndexOf(10)
    if (newline >= 0) {
      if (start + newline + 1 < size) ftruncateSync(descriptor, start + newline + 1)
      return
    }
  }
  if (size > 0) ftruncateSync(descriptor, 0)
}

/**
 * Writes a whole file so that readers see the old or the new content, never a part: a sibling is written, flushed to
 * the disk, and renamed.
 *
 * @throws VisslError (environment); the old file is then untouched
 */
export function writeFileWhole(path: string, text: string): void {
  const sibling = `${path}.${process.pid}.tmp`
  try {
    const descriptor = openSync(sibling, 'w')
    try {
      const bytes = Buffer.from(text)
      let written = 0
      while (written < bytes.length) written += writeSync(descriptor, bytes, written)
      fsyncSync(descriptor)
    } finally {
      closeSync(descriptor)
    }
    renameSync(sibling, path)
  } catch (error) {
    rmSync(sibling, { force: true })
    throw fileError('write', path, error)
  }
}
