import { execFileSync } from 'node:child_process'
import type { Log } from '../logging/index.ts'
import type { Hook } from '../train/hook.ts'
import type { Task } from '../train/task.ts'

/** The step of this process after which memory has settled. */
const SETTLED = 50

/** Logs what `nvidia-smi` prints, at the start and after 50 steps; on GPUs, first rank only. */
export class GpuStatsHook implements Hook {
  readonly name = 'gpu-stats'
  readonly #log: Log

  constructor(log: Log) {
    this.#log = log
  }

  onStart(task: Task): void {
    this.#report(task)
  }

  onStep(task: Task): void {
    if (task.stepCount === SETTLED) this.#report(task)
  }

  #report(task: Task): void {
    if (task.config.MACHINE.DEVICE !== 'gpu' || task.rank !== 0) return
    try {
      this.#log.info(
        execFileSync('nvidia-smi', { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim(),
      )
    } catch (error) {
      this.#log.warn(`nvidia-smi gives nothing: ${(error as Error).message}`)
    }
  }
}
