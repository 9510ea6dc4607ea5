import { existsSync, realpathSync, statSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { firstVerified, newestFirst } from '../checkpoint/retention.ts'
import type { Config } from '../config/index.ts'
import { ExitCode, VisslError } from '../errors.ts'
import { RunFolder } from '../logging/index.ts'
import { chooseCheckpoint, isFinal, isTrainingFinished, type ResumeSettings } from './resume-choice.ts'

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
  /** Called when the folder is known, before its checkpoints are looked at; by throwing it keeps the run out. */
  readonly enter?: (folder: RunFolder, checkpoints: string) => void
  /** Told of damaged checkpoints that are passed over. */
  readonly warn?: (message: string) => void
}

const CHECKPOINTS = 'checkpoints'

/**
 * Chooses the run folder and the checkpoint. With `CHECKPOINT.DIR` that is the folder, its `.torch` files lie at its
 * top, and it resumes by itself (`AUTO_RESUME`); otherwise each run gets `runs/NAME-N` and resumes only when asked.
 * Where the run may choose, damaged checkpoints are passed over.
 *
 * @throws VisslError when there is nothing to resume from or the folder cannot be written
 */
export function placeRun(config: Config, request: PlaceRequest): RunPlace {
  const { name, isDirSet, resume, cwd, enter = () => {}, warn = () => {} } = request
  if (isDirSet) return placeInFolder(config, { ...request, enter, warn })
  if (resume === undefined) {
    const folder = RunFolder.create({ name, cwd })
    const checkpoints = folder.folder(CHECKPOINTS)
    enter(folder, checkpoints)
    return { folder, checkpoints, resumeFrom: undefined, isFinished: false }
  }
  const latest = resume === 'auto' ? RunFolder.latest(name, cwd) : resolve(cwd, resume)
  if (latest === undefined) {
    throw new VisslError(
      ExitCode.usage,
      `there is no run of ${name} to resume in ${join(cwd, 'runs')}`,
      'leave --resume out',
    )
  }
  const { checkpoints, choose } = checkpointsAt(latest)
  const folder = RunFolder.open(basename(checkpoints) === CHECKPOINTS ? dirname(checkpoints) : checkpoints)
  enter(folder, checkpoints)
  return { folder, checkpoints, resumeFrom: choose(warn), isFinished: false }
}

function placeInFolder({ CHECKPOINT }: Config, request: Required<PlaceRequest>): RunPlace {
  const { name, resume, cwd, enter, warn } = request
  const folder = RunFolder.create({ dir: CHECKPOINT.DIR, name, cwd })
  const place = { folder, checkpoints: folder.path }
  enter(folder, folder.path)
  if (resume !== undefined && resume !== 'auto') {
    return { ...place, resumeFrom: checkpointsAt(resolve(cwd, resume)).choose(warn), isFinished: false }
  }
  const settings = resume === 'auto' ? { ...CHECKPOINT, AUTO_RESUME: true } : CHECKPOINT
  const preferred = chooseCheckpoint(folder.path, settings)
  return {
    ...place,
    resumeFrom: preferred && firstVerified([preferred, ...olderThan(preferred, settings)], warn),
    // Who asks to resume may have raised the number of epochs.
    isFinished: resume === undefined && isTrainingFinished(folder.path, settings),
  }
}

/** What can stand in for a checkpoint that is damaged, the newest first. */
function olderThan(path: string, { OVERWRITE_EXISTING }: ResumeSettings): string[] {
  const all = newestFirst(dirname(path))
  return all.slice(all.indexOf(path) + 1).filter((other) => !(OVERWRITE_EXISTING && isFinal(basename(other))))
}

/** What a path means. */
interface Found {
  readonly checkpoints: string
  /** The checkpoint. A file is taken as it is: its reader tells what is wrong with it. Of a folder the newest sound one. */
  readonly choose: (warn: (message: string) => void) => string | undefined
}

/** A checkpoint, or those of a run folder. */
function checkpointsAt(path: string): Found {
  if (!existsSync(path)) {
    throw new VisslError(
      ExitCode.data,
      `there is no ${path} to resume from`,
      'give a .torch file or a run folder',
    )
  }
  if (!statSync(path).isDirectory()) {
    // A digest lies beside the file that a link points to, not beside the link.
    const file = realpathSync(path)
    return { checkpoints: dirname(file), choose: () => file }
  }
  for (const checkpoints of [join(path, CHECKPOINTS), path]) {
    const paths = newestFirst(checkpoints)
    if (paths.length > 0) return { checkpoints, choose: (warn) => firstVerified(paths, warn) }
  }
  throw new VisslError(ExitCode.data, `${path} holds no checkpoint`, 'give a .torch file, or train anew')
}
