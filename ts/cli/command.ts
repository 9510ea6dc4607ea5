import type { ExitCode } from '../errors.ts'
import type { Output } from '../logging/style.ts'
import type { Arguments, OptionSpec } from './arguments.ts'

/** What a command talks to. */
export interface Terminal {
  readonly stdout: Output
  readonly stderr: Output
  readonly cwd: string
  readonly env: Readonly<Record<string, string | undefined>>
}

/** A command. Its module loads nothing heavy before `run` is called, so that help is quick. */
export interface Command {
  /** What follows `vissl NAME` in the usage line. */
  readonly usage: string
  readonly description: string
  readonly options: readonly OptionSpec[]
  /** Example → what it does. */
  readonly examples: readonly (readonly [string, string])[]
  run(args: Arguments, terminal: Terminal): Promise<ExitCode>
}

/** A command in the list of commands. */
export interface CommandEntry {
  /** One line. */
  readonly summary: string
  load(): Promise<Command>
}
