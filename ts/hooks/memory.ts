import { stats } from '../engine/index.ts'
import type { Log } from '../logging/index.ts'
import type { Hook } from '../train/hook.ts'
import type { Task } from '../train/task.ts'

/** Steps between two looks at the process's memory, which cost a system call. */
const LOOK_EVERY = 10

const mebibytes = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MiB`

/** Logs the most memory that a phase took: the process's, and that of the tensors between steps. */
export class MemoryHook implements Hook {
  readonly name = 'memory'
  readonly #log: Log
  #process = 0
  #tensors = 0

  constructor(log: Log) {
    this.#log = log
  }

  onPhaseStart(): void {
    this.#process = 0
    this.#tensors = 0
    this.#look()
  }

  /** The end of backward is where a step's tensors weigh the most that can be seen from here. */
  onBackward(task: Task): void {
    if (task.stepCount % LOOK_EVERY === 0) this.#look()
  }

  onPhaseEnd(task: Task): void {
    this.#look()
    const kind = task.train ? 'train' : 'test'
    this.#log.info(
      `memory of phase ${task.phaseIdx} [${kind}]: process ${mebibytes(this.#process)}, tensors ${mebibytes(this.#tensors)}`,
    )
  }

  #look(): void {
    this.#process = Math.max(this.#process, process.memoryUsage.rss())
    this.#tensors = Math.max(this.#tensors, stats().bytes)
  }
}
