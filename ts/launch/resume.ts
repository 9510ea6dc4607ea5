import { existsSync, realpathSync, statSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { newestCheckpoint } from '../checkpoint/names.ts'
import type { Config } from '../config/index.ts'
import { ExitCode, VisslError } from '../errors.ts'
import { RunFolder } from '../logging/index.ts'
import { chooseCheckpoint, isTrainingFinished } from './resume-choice.ts'

/** Where a run writes, and what it goes on from. */
export interface RunPlace {
  readonly folder: RunFolder
  /** Where checkpoints go. */
  readonly checkpoints: string
  /** The checkpoint to go on from; undefined for a new run. */
  readonly resumeFrom: string | undefined
  /** The folder holds a final model that shall stay. */
  readonly isFinished: boolean
}

export interface PlaceRequest {
  readonly name: string
  /** Whether `CHECKPOINT.DIR` was given. */
  readonly isDirSet: boolean
  /** A checkpoint, a run folder, or `auto` for the newest run of this name. */
  readonly resume: string | undefined
  readonly cwd: string
}

const CHECKPOINTS = 'checkpoints'

/**
 * Chooses the run folder and the checkpoint. With `CHECKPOINT.DIR` that is the folder, its `.torch` files lie at its
 * top, and it resumes by itself (`AUTO_RESUME`); otherwise each run gets `runs/NAME-N` and resumes only when asked.
 *
 * @throws VisslError when there is nothing to resume from or the folder cannot be written
 */
export function placeRun(config: Config, { name, isDirSet, resume, cwd }: PlaceRequest): RunPlace {
  if (isDirSet) return placeInFolder(config, { name, resume, cwd })
  if (resume === undefined) {
    const folder = RunFolder.create({ name, cwd })
    return { folder, checkpoints: folder.folder(CHECKPOINTS), resumeFrom: undefined, isFinished: false }
  }
  const latest = resume === 'auto' ? RunFolder.latest(name, cwd) : resolve(cwd, resume)
  if (latest === undefined) {
    throw new VisslError(
      ExitCode.usage,
      `there is no run of ${name} to resume in ${join(cwd, 'runs')}`,
      'leave --resume out',
    )
  }
  const resumeFrom = checkpointAt(latest)
  const parent = dirname(resumeFrom)
  const folder = RunFolder.open(basename(parent) === CHECKPOINTS ? dirname(parent) : parent)
  return { folder, checkpoints: parent, resumeFrom, isFinished: false }
}

function placeInFolder(
  { CHECKPOINT }: Config,
  { name, resume, cwd }: Omit<PlaceRequest, 'isDirSet'>,
): RunPlace {
  const folder = RunFolder.create({ dir: CHECKPOINT.DIR, name, cwd })
  const place = { folder, checkpoints: folder.path }
  if (resume !== undefined && resume !== 'auto') {
    return { ...place, resumeFrom: checkpointAt(resolve(cwd, resume)), isFinished: false }
  }
  const settings = resume === 'auto' ? { ...CHECKPOINT, AUTO_RESUME: true } : CHECKPOINT
  return {
    ...place,
    resumeFrom: chooseCheckpoint(folder.path, settings),
    // Who asks to resume may have raised the number of epochs.
    isFinished: resume === undefined && isTrainingFinished(folder.path, settings),
  }
}

/** The checkpoint that a path means: the file itself, or the newest of a run folder. */
function checkpointAt(path: string): string {
  if (!existsSync(path)) {
    throw new VisslError(
      ExitCode.data,
      `there is no ${path} to resume from`,
      'give a .torch file or a run folder',
    )
  }
  // A digest lies beside the file that a link points to, not beside the link.
  if (!statSync(path).isDirectory()) return realpathSync(path)
  const found = newestCheckpoint(join(path, CHECKPOINTS)) ?? newestCheckpoint(path)
  if (found === undefined) {
    throw new VisslError(ExitCode.data, `${path} holds no checkpoint`, 'give a .torch file, or train anew')
  }
  return found
}
