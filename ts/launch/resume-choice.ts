import { readdirSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { LINK_NAME } from '../checkpoint/names.ts'
import type { Config } from '../config/index.ts'

/** The keys of `CHECKPOINT` that decide what a run goes on from. */
export type ResumeSettings = Pick<
  Config['CHECKPOINT'],
  | 'AUTO_RESUME'
  | 'OVERWRITE_EXISTING'
  | 'CHECKPOINT_ITER_FREQUENCY'
  | 'LATEST_CHECKPOINT_RESUME_FILE_NUM'
  | 'USE_SYMLINK_CHECKPOINT_FOR_RESUME'
>

/** Whether a file is named as the final model of a run. */
export const isFinal = (name: string): boolean => name.includes('model_final') && name.endsWith('.torch')

/** Whether a folder holds the final model of a run, which then is not trained again. */
export function isTrainingFinished(folder: string, settings: ResumeSettings): boolean {
  return !settings.OVERWRITE_EXISTING && namesIn(folder).some(isFinal)
}

/**
 * The checkpoint that a run in a folder of the user's own goes on from, chosen as VISSL does: the final model, else the
 * n-th newest by step where checkpoints are made by step, else the n-th newest by phase; only with `AUTO_RESUME`.
 *
 * Beyond VISSL the link `checkpoint.torch`, where it leads to a file of the folder, goes first as the newest checkpoint
 * of all: a run that was stopped between two of its regular ones has left one of its own.
 *
 * @returns its path; undefined where there is none
 */
export function chooseCheckpoint(folder: string, settings: ResumeSettings): string | undefined {
  const names = namesIn(folder)
  const { AUTO_RESUME, OVERWRITE_EXISTING, LATEST_CHECKPOINT_RESUME_FILE_NUM: nth } = settings
  const linked = linkTarget(folder, names)
  if (settings.USE_SYMLINK_CHECKPOINT_FOR_RESUME && linked !== undefined) return join(folder, linked)
  if (!AUTO_RESUME) return undefined
  const usable = names.filter((name) => !(OVERWRITE_EXISTING && isFinal(name)))
  if (nth <= 1 && linked !== undefined && usable.includes(linked)) return join(folder, linked)
  const final = usable.find(isFinal)
  if (final !== undefined) return join(folder, final)
  const prefix = settings.CHECKPOINT_ITER_FREQUENCY > 0 ? 'model_iteration' : 'model_phase'
  const numbered = usable
    .flatMap((name) => {
      const number = new RegExp(`^${prefix}(\\d+)\\.torch$`).exec(name)?.[1]
      return number === undefined ? [] : [{ name, number: Number(number) }]
    })
    .sort((a, b) => b.number - a.number)
  const chosen = numbered[Math.min(Math.max(nth - 1, 0), numbered.length - 1)]
  return chosen === undefined ? undefined : join(folder, chosen.name)
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).sort()
  } catch {
    return []
  }
}

function linkTarget(folder: string, names: readonly string[]): string | undefined {
  try {
    const target = readlinkSync(join(folder, LINK_NAME))
    return names.includes(target) ? target : undefined
  } catch {
    return undefined
  }
}
