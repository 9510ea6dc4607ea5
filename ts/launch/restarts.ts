import { spawnSync } from 'node:child_process'
import { lstatSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import { newestFirst } from '../checkpoint/retention.ts'
import { ExitCode } from '../errors.ts'

/** What the first process of a run tells its starter when it has a folder. */
export interface PlaceMessage {
  readonly type: 'place'
  /** Absolute. */
  readonly folder: string
}

/** Tells the starter, where there is one, in which folder the run goes. */
export function tellStarter(folder: string): void {
  if (process.env.RANK === undefined || process.send === undefined || !process.connected) return
  const message: PlaceMessage = { type: 'place', folder }
  // A starter that is gone is told of by `disconnect`.
  process.send(message, undefined, undefined, () => {})
}

/** A run that may be started more than once. */
export interface RestartsRequest {
  /** How often it is started again at most. */
  readonly limit: number
  /** What its processes are called with. */
  readonly args: readonly string[]
  /** Runs it, and tells with which exit code it ended; it passes on the folder that the run is in. */
  readonly attempt: (args: readonly string[], onPlace: (folder: string) => void) => Promise<ExitCode>
  readonly say: (message: string) => void
}

/**
 * Runs, and starts again after a crash: an end by exit code 1 or by a signal that nobody sends on purpose. The next
 * attempt resumes the run's folder where this one has saved something, and else begins as this one did. Mistakes,
 * lacks of the machine, a loss that is not finite and stops end it.
 *
 * @returns the exit code of the last attempt
 */
export async function withRestarts({ limit, args, attempt, say }: RestartsRequest): Promise<ExitCode> {
  let current = args
  for (let restarts = 0; ; restarts++) {
    let folder: string | undefined
    let before: string | undefined
    const code = await attempt(current, (placed) => {
      folder = placed
      before = newestOf(placed)
    })
    const reason = crashOf(code)
    if (reason === undefined || limit === 0) return code
    if (restarts === limit) {
      say(`the run ended ${reason}; it has been started again ${limit} times already, and is left so`)
      return code
    }
    const hasSaved = folder !== undefined && newestOf(folder) !== before
    if (hasSaved) current = withOption(current, `--resume=${folder}`)
    const from = hasSaved ? `from the newest checkpoint in ${folder}` : 'as before: it has saved nothing'
    say(`the run ended ${reason}; started again (${restarts + 1} of ${limit}) ${from}`)
  }
}

/** How a run crashed; undefined for an end that a further attempt would not change, or that was asked for. */
export function crashOf(code: number): string | undefined {
  if (code === ExitCode.internal) return 'with exit code 1'
  const [name] = Object.entries(constants.signals).find(([, number]) => code === 128 + number) ?? []
  return name === undefined || STOPS.has(name) ? undefined : `by ${name}`
}

/** Signals by which people and schedulers end a run. */
const STOPS: ReadonlySet<string> = new Set(['SIGHUP', 'SIGINT', 'SIGTERM', 'SIGPIPE', 'SIGUSR1'])

/** In front of what is no option any more. */
function withOption(args: readonly string[], option: string): readonly string[] {
  const end = args.indexOf('--')
  return end < 0 ? [...args, option] : [...args.slice(0, end), option, ...args.slice(end)]
}

/** What tells one newest checkpoint of a run from the next. */
function newestOf(folder: string): string | undefined {
  const [newest] = [...newestFirst(join(folder, 'checkpoints')), ...newestFirst(folder)]
  return newest && `${newest} ${lstatSync(newest, { throwIfNoEntry: false })?.mtimeMs}`
}

/**
 * Asks SLURM to queue the job again that this run is; does nothing outside of SLURM.
 *
 * @param say told what came of it
 */
export function requeue(
  env: Readonly<Record<string, string | undefined>>,
  say: (message: string) => void,
): void {
  const job = env.SLURM_JOB_ID
  if (job === undefined || job === '') return
  const { status, stderr, error } = spawnSync('scontrol', ['requeue', job], {
    encoding: 'utf8',
    env: { ...env },
  })
  if (status === 0) say(`SLURM queues job ${job} again`)
  else say(`scontrol requeue ${job} failed: ${error?.message ?? (stderr.trim() || `exit code ${status}`)}`)
}
