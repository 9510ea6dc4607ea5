import { readdirSync, readlinkSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'

/** File name of the checkpoint after a phase; the last training phase's is the final one. */
export const phaseName = (phaseIdx: number, final: boolean): string =>
  final ? `model_final_checkpoint_phase${phaseIdx}.torch` : `model_phase${phaseIdx}.torch`

/** File name of the checkpoint after an optimizer step. */
export const iterationName = (iteration: number): string => `model_iteration${iteration}.torch`

export const LINK_NAME = 'checkpoint.torch'

/** Points `checkpoint.torch` at the newest file, relatively, so that the folder can be moved. */
export function pointLink(folder: string, name: string): void {
  const temporary = join(folder, `.${LINK_NAME}.${process.pid}`)
  rmSync(temporary, { force: true })
  symlinkSync(name, temporary)
  renameSync(temporary, join(folder, LINK_NAME))
}

/**
 * The file a run in `folder` resumes from: where the link points, else the final model, else the newest iteration or
 * phase; undefined when there is none.
 */
export function newestCheckpoint(folder: string): string | undefined {
  let names: string[]
  try {
    names = readdirSync(folder)
  } catch {
    return undefined
  }
  try {
    const target = readlinkSync(join(folder, LINK_NAME))
    if (names.includes(target)) return join(folder, target)
  } catch {
    // No link: look for the files themselves.
  }
  for (const pattern of [
    /^model_final_checkpoint_phase(\d+)\.torch$/,
    /^model_iteration(\d+)\.torch$/,
    /^model_phase(\d+)\.torch$/,
  ]) {
    const found = names
      .map((name) => ({ name, number: Number(pattern.exec(name)?.[1] ?? -1) }))
      .filter(({ number }) => number >= 0)
      .sort((a, b) => b.number - a.number)[0]
    if (found !== undefined) return join(folder, found.name)
  }
  return undefined
}
