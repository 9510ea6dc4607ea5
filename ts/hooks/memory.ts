import { stats } from '../engine/index.ts'
import type { Log, MetricsFile } from '../logging/index.ts'
import type { Hook } from '../train/hook.ts'
import type { Task } from '../train/task.ts'

/** Steps between two looks at the process's memory, which cost a system call. */
const LOOK_EVERY = 10

const mebibytes = (bytes: number): number => Math.round(bytes / 2 ** 20)

/** Notes in `log.txt` and `metrics.jsonl` the most memory that a phase took: the process's, and that of the tensors between steps. */
export class MemoryHook implements Hook {
  readonly name = 'memory'
  readonly #log: Log
  readonly #metrics: MetricsFile
  #process = 0
  #tensors = 0

  constructor(log: Log, metrics: MetricsFile) {
    this.#log = log
    this.#metrics = metrics
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
    const phase = task.train ? 'train' : 'test'
    const [all, tensors] = [mebibytes(this.#process), mebibytes(this.#tensors)]
    this.#log.info(`memory of phase ${task.phaseIdx} [${phase}]: process ${all} MiB, tensors ${tensors} MiB`)
    const { iteration, trainPhaseIdx: epoch } = task
    this.#metrics.write({ type: 'memory', phase, iteration, epoch, process_mib: all, tensors_mib: tensors })
  }

  #look(): void {
    this.#process = Math.max(this.#process, process.memoryUsage.rss())
    this.#tensors = Math.max(this.#tensors, stats().bytes)
  }
}
