import { type TrainOptions, trainerCommand } from './options.ts'
import { startTrainer } from './trainer-process.ts'
import { TrainingRun } from './training-run.ts'

/**
 * Trains in a process of its own, by the same program as `vissl train`. The caller's event loop stays free, a crash
 * there does not reach it, and when the caller ends the run saves a checkpoint and ends.
 *
 * @throws VisslError (usage) for options of a wrong kind; mistakes in the configuration reject `done`
 * @example
 * const run = train({ config: 'quickstart', data: './photos' })
 * for await (const event of run) if (event.type === 'step') console.log(event.done, event.loss)
 * const model = await load(run.checkpoint)
 */
export function train(options: TrainOptions): TrainingRun {
  const command = trainerCommand(options)
  options.signal?.throwIfAborted()
  return new TrainingRun(startTrainer(command), options.signal)
}
