import { ExitCode } from '../errors.ts'
import type { Task } from '../train/task.ts'

/**
 * Makes Ctrl-C and SIGTERM end a run after the step in progress; a second Ctrl-C leaves at once.
 *
 * @param say told what will happen
 * @returns restores the signals
 */
export function stopOnSignals(task: Task, say: (message: string) => void): () => void {
  const onInterrupt = () => {
    if (task.stopRequest !== undefined) process.exit(ExitCode.interrupted)
    say('stopping after this step; press Ctrl-C again to leave at once')
    task.requestStop('stopped by Ctrl-C', ExitCode.interrupted)
  }
  const onTerminate = () => task.requestStop('stopped by SIGTERM', ExitCode.terminated)
  process.on('SIGINT', onInterrupt)
  process.on('SIGTERM', onTerminate)
  return () => {
    process.off('SIGINT', onInterrupt)
    process.off('SIGTERM', onTerminate)
  }
}
