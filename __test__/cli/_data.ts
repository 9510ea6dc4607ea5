import { parseArguments } from '../../ts/cli/arguments.ts'
import type { Command } from '../../ts/cli/command.ts'
import type { ExitCode } from '../../ts/errors.ts'
import { Capture } from '../logging/output.ts'

/** Runs a command in this process, without colours. @throws what it throws */
export async function runCommand(
  command: Command,
  cwd: string,
  argv: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<{ code: ExitCode; out: string; err: string }> {
  const stdout = new Capture()
  const stderr = new Capture()
  const terminal = { stdout, stderr, cwd, env: { NO_COLOR: '1', ...env } }
  const code = await command.run(parseArguments(argv, command.options), terminal)
  return { code, out: stdout.text, err: stderr.text }
}
