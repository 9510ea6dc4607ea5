import { spawnSync } from 'node:child_process'
import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ExitCode, VisslError } from '../../errors.ts'

/** Paths and labels of a table, row by row. */
export interface TableRows {
  paths: string[]
  /** Empty when the table has none. */
  labels: string[]
}

/** What the program that reads the file answers. */
export type ParquetAnswer = TableRows | { error: string }

/** Longer answers are no list for memory. */
const maxAnswer = 400 * 1024 * 1024

/** The last table read: a run asks for the same one several times. */
let last: { key: string; rows: TableRows } | undefined

/**
 * Images listed in a Parquet file: a column `path` (or `image`, `file`, `filename`) of texts and, if there is one, a
 * column `label` (`class`, `target`) of numbers or texts. Snappy, gzip, Zstandard, Brotli and LZ4 are decompressed.
 *
 * @throws VisslError (data) when the file is damaged, or columns are missing or of another type
 */
export function readParquet(path: string): TableRows {
  const whole = resolve(path)
  const { size, mtimeMs } = statSync(whole)
  const key = `${whole}\n${size}\n${mtimeMs}`
  if (last?.key === key) return last.rows
  const program = fileURLToPath(import.meta.url.replace(/parquet(\.[jt]s)$/, 'parquet-program$1'))
  const { stdout, status, signal, error } = spawnSync(
    process.execPath,
    [...process.execArgv, '--max-old-space-size=8192', program, whole],
    { encoding: 'utf8', maxBuffer: maxAnswer, stdio: ['ignore', 'pipe', 'ignore'] },
  )
  const refuse = (what: string) =>
    new VisslError(
      ExitCode.data,
      `image table ${path}: ${what}`,
      'give a Parquet file with the columns path and label, or a .npy list with disk_filelist',
    )
  if (error !== undefined || status !== 0) {
    const why = (error as NodeJS.ErrnoException | undefined)?.code ?? signal ?? `exit code ${status}`
    throw refuse(`is too large or damaged: reading it ended with ${why}`)
  }
  const answer = JSON.parse(stdout) as ParquetAnswer
  if ('error' in answer) throw refuse(answer.error)
  if (answer.paths.length === 0) throw refuse('holds no image')
  last = { key, rows: answer }
  return answer
}
