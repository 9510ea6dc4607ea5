/** Signals that a run in progress listens to, the more fitting one first. */
const STOP_SIGNALS = ['SIGPIPE', 'SIGTERM'] as const

/**
 * What happens when the reader of an output goes away, as `head` does after its last line. A command that only prints
 * has nothing left to do and ends with 0, without a word: its reader has seen what it wanted. A run in progress is
 * stopped as by a signal, since whoever ends a pipeline expects its programs to end; it saves a checkpoint first, so
 * nothing is lost, and exits with the code of a stopped run, never with 0. A run that shall outlive its terminal writes
 * to a file.
 *
 * @param outputs standard output and standard error
 */
export function watchReaders(outputs: readonly NodeJS.WriteStream[]): void {
  let isGone = false
  for (const output of outputs) {
    output.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error
      if (isGone) return
      isGone = true
      const signal = STOP_SIGNALS.find((name) => process.listenerCount(name) > 0)
      if (signal === undefined) process.exit(0)
      process.emit(signal, signal)
    })
  }
}
