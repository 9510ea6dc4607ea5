import type { Log } from '../logging/index.ts'
import type { Hook } from '../train/hook.ts'
import type { Task } from '../train/task.ts'

/** Begins the counts of a phase and logs it. The loader's shuffle is seeded by the phase's index. */
export class PhaseStartHook implements Hook {
  readonly name = 'phase-start'
  readonly #log: Log

  constructor(log: Log) {
    this.#log = log
  }

  onStart({ trainPhases, phases, trainLoader, testLoader, maxIteration, loss, config }: Task): void {
    const loader = (trainLoader ?? testLoader)!
    this.#log.info(
      `Model: ${config.MODEL.TRUNK.NAME}; loss: ${config.LOSS.name} ${JSON.stringify(loss.params)}`,
    )
    this.#log.info(`Number of epochs: ${trainPhases}, phases: ${phases.length}`)
    this.#log.info(`Iterations per epoch: ${loader.batches}, all iterations: ${maxIteration}`)
    this.#log.info(`Samples per epoch: ${loader.batches * loader.batchSize}`)
  }

  onPhaseStart(task: Task): void {
    task.batches = 0
    this.#log.info(`Starting phase ${task.phaseIdx} [${task.train ? 'train' : 'test'}]`)
  }
}

/** Counts the batches of a phase. */
export class BatchesSeenHook implements Hook {
  readonly name = 'batches-seen'

  onLossAndMeter(task: Task): void {
    task.batches++
  }
}

/** Notes how long training batches take. */
export class TrainBatchTimeHook implements Hook {
  readonly name = 'train-batch-time'

  onStep(task: Task): void {
    if (task.train) task.batchTimes.add((task.clock.wait + task.clock.step) / 1000)
  }
}

/** Notes how long test batches take, in the same list. */
export class TestBatchTimeHook implements Hook {
  readonly name = 'test-batch-time'

  onStep(task: Task): void {
    if (!task.train) task.batchTimes.add((task.clock.wait + task.clock.step) / 1000)
  }
}

/** Counts training batches. Hooks before it see the number of the batch before, hooks after it that of this one. */
export class TrainIterationHook implements Hook {
  readonly name = 'train-iteration'

  onForward(task: Task): void {
    if (task.train) task.iteration++
  }
}
