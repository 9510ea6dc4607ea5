import { ExitCode, VisslError } from '../errors.ts'
import { tellApp } from '../logging/app-channel.ts'
import { styleFor } from '../logging/style.ts'
import type { Terminal } from './command.ts'

/**
 * Prints an error as `✖ message` and `  fix: …`, and tells what to exit with. Stacks are printed for errors that are
 * no user's mistake, and for all when VISSL_DEBUG is 1.
 */
export function reportError(error: unknown, terminal: Terminal): ExitCode {
  const { stderr, env } = terminal
  const style = styleFor(stderr, env)
  const known = error instanceof VisslError
  const message = error instanceof Error ? error.message : String(error)
  const exitCode = known ? error.exitCode : ExitCode.internal
  const title = known ? message : `internal error: ${message}`
  stderr.write(`${style.red('✖')} ${title}\n`)
  if (known && error.fix !== undefined) stderr.write(`  ${style.bold('fix:')} ${error.fix}\n`)
  if (!known) {
    stderr.write(
      `  ${style.bold('fix:')} this is a defect of vissl or of a plug-in; report it with what follows\n`,
    )
  }
  tellApp({ type: 'failure', exitCode, message: title, fix: known ? error.fix : undefined })
  if (error instanceof Error && (env.VISSL_DEBUG === '1' || exitCode === ExitCode.internal)) {
    for (let next: unknown = error; next instanceof Error; next = next.cause) {
      stderr.write(`${style.dim(next.stack ?? String(next))}\n`)
    }
  }
  return exitCode
}
