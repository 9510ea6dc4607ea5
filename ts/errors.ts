/** What the process exits with; documented in docs/errors.md. */
export const ExitCode = {
  ok: 0,
  /** A defect in vissl itself or in user code that threw something unexpected. */
  internal: 1,
  /** The command line or the configuration is wrong. */
  usage: 2,
  /** A data set, image or checkpoint is missing, empty or damaged. */
  data: 3,
  /** The loss or a gradient became NaN or infinite. */
  nonFinite: 4,
  /** The machine lacks something: libtorch, a compiler, disk space, a writable folder. */
  environment: 5,
  /** Stopped by Ctrl-C. */
  interrupted: 130,
  /** Stopped by SIGUSR1, with which a scheduler announces that it takes the machine away. */
  preempted: 138,
  /** Stopped by SIGTERM. */
  terminated: 143,
} as const

export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode]

/**
 * An error a user can act on. `message` says what happened and where, `fix` what to do about it; the
 * command line prints both and exits with `exitCode`.
 */
export class VisslError extends Error {
  readonly exitCode: ExitCode
  readonly fix: string | undefined

  constructor(exitCode: ExitCode, message: string, fix?: string, options?: ErrorOptions) {
    super(message, options)
    this.name = new.target.name
    this.exitCode = exitCode
    this.fix = fix
  }
}

/** The candidates closest to `name` by edit distance, best first, none that share too little with it. */
export function didYouMean(name: string, candidates: Iterable<string>, limit = 3): string[] {
  const wanted = name.toLowerCase()
  const scored: [number, string][] = []
  for (const candidate of candidates) {
    const distance = editDistance(wanted, candidate.toLowerCase())
    if (distance <= Math.max(2, Math.floor(Math.max(wanted.length, candidate.length) / 3)))
      scored.push([distance, candidate])
  }
  return scored
    .sort(([a, nameA], [b, nameB]) => a - b || nameA.localeCompare(nameB))
    .slice(0, limit)
    .map(([, candidate]) => candidate)
}

function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const current = [i]
    for (let j = 1; j <= b.length; j++) {
      const substitution = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      current.push(Math.min(previous[j]! + 1, current[j - 1]! + 1, substitution))
    }
    previous = current
  }
  return previous[b.length]!
}
