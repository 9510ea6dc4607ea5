import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { EVENTS_VARIABLE } from '../../logging/app-channel.ts'
import type { TrainerCommand } from './options.ts'

const isSource = import.meta.url.endsWith('.ts')
const main = fileURLToPath(new URL(`../../cli/main.${isSource ? 'ts' : 'js'}`, import.meta.url))

/** Characters of error output that are kept. */
const TAIL = 4000

/** A process that trains, and the end of what it wrote to its error output. */
export interface Trainer {
  readonly child: ChildProcess
  readonly tail: () => string
}

/**
 * Starts `vissl` as a process of its own, by the Node or the Electron that runs this one. What it prints is not shown;
 * it speaks by messages.
 */
export function startTrainer({ args, cwd }: TrainerCommand): Trainer {
  const { FORCE_COLOR, NODE_OPTIONS, ...inherited } = process.env
  const child = fork(main, [...args], {
    cwd,
    // Flags of the app's own, such as those of a debugger, are not the trainer's.
    execArgv: isSource ? [`--import=${import.meta.resolve('@oxc-node/core/register')}`] : [],
    env: {
      ...inherited,
      NO_COLOR: '1',
      [EVENTS_VARIABLE]: '1',
      ...(process.versions.electron === undefined ? {} : { ELECTRON_RUN_AS_NODE: '1' }),
    },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    // Keeps losses that are not finite.
    serialization: 'advanced',
  })
  let tail = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    tail = (tail + text).slice(-TAIL)
  })
  return { child, tail: () => tail.trim() }
}
