// Prints for ever. With an argument, it stops when that signal comes, as a run does: in its own time, with its own code.
import { watchReaders } from '../../ts/cli/readers.ts'

watchReaders([process.stdout, process.stderr])
const signal = process.argv[2]
let stopped: string | undefined
if (signal !== undefined) process.on(signal, (name: string) => (stopped = name))
const output = process.argv[3] === 'stderr' ? process.stderr : process.stdout
for (let line = 0; stopped === undefined; line++) {
  output.write(`line ${line}\n`)
  await new Promise((resolve) => setImmediate(resolve))
}
// A run goes on printing while it stops; it must come to its end.
output.write('saving\n')
await new Promise((resolve) => setImmediate(resolve))
process.exitCode = stopped === 'SIGPIPE' ? 141 : 143
