import type { z } from 'zod'
import type { TrainingBatch } from '../data/index.ts'
import { allReduce, worldSize } from '../distributed/index.ts'
import { noGrad, Tensor } from '../engine/index.ts'
import { ExitCode, VisslError } from '../errors.ts'
import { Registry } from '../registry.ts'
import { Sample, type Target } from './sample.ts'
import type { Task } from './task.ts'

/**
 * What is done with one batch. A plug-in exports a class that extends this one, or {@link StandardTrainStep}, with a
 * `static key`, the name in `TRAINER.TRAIN_STEP_NAME`, and where it has parameters a zod schema `static params` of the
 * block `TRAINER.<key>`.
 */
export abstract class TrainStep {
  /** Runs in a scope of its own; sets `task.step` and calls `task.notify` at the events of a step. */
  abstract run(task: Task, batch: TrainingBatch): void
}

/** A registrable train step. */
export interface TrainStepClass {
  readonly key: string
  readonly params?: z.ZodType
  /** It is given what its own schema makes of the block `TRAINER.<key>`. */
  new (params: never): TrainStep
}

/** Train steps by `TRAINER.TRAIN_STEP_NAME`. */
export const trainSteps = new Registry<TrainStepClass>('train step')

/** Forward, loss, backward, update, with the hooks in between; in a test phase forward and loss alone. */
export class StandardTrainStep extends TrainStep {
  static readonly key: string = 'standard_train_step'

  override run(task: Task, batch: TrainingBatch): void {
    const sample = new Sample(batch)
    const { INPUT_KEY_NAMES, TARGET_KEY_NAMES } = task.split
    task.step = {
      batch,
      sample,
      input: sample.input(INPUT_KEY_NAMES),
      target: sample.target(TARGET_KEY_NAMES),
      output: undefined,
      loss: Number.NaN,
      batchSize: batch.size,
    }
    if (!task.train) {
      noGrad(() => this.evaluate(task))
      return
    }
    requireUnfinished(task)
    const loss = this.evaluate(task)
    this.update(task, loss)
    task.numUpdates += task.globalBatchSize
  }

  /** Forward, loss and meters. @returns the loss of this process, for backward */
  protected evaluate(task: Task): Tensor {
    const { step, timers, precision } = task
    const output = unwrapped(timers.time('forward', () => precision.run(() => this.forward(task))))
    step.output = output
    task.notify('onForward')
    const loss = timers.time('loss_compute', () => precision.run(() => this.loss(task, output)))
    requireScalar(loss, task)
    step.loss = timers.time('loss_all_reduce', () => meanOverProcesses(loss))
    const rows = rowsOf(step.target)
    task.losses.push(step.loss * rows)
    task.rows += rows
    timers.time('meters_update', () => updateMeters(task, output))
    task.notify('onLossAndMeter')
    return loss
  }

  /** What the model makes of the input; a list of one is unwrapped. */
  protected forward(task: Task): Tensor | Tensor[] {
    return unwrapped(task.model.call(task.step.input))
  }

  /** What the loss makes of the output. */
  protected loss(task: Task, output: Tensor | Tensor[]): Tensor {
    return task.loss.call(output, task.step.target as Tensor)
  }

  /** Backward and, where it is due, the optimizer's step. */
  protected update(task: Task, loss: Tensor): void {
    const { timers, updates } = task
    timers.time('backward', () => updates.backward(loss, task.epochDone))
    task.notify('onBackward')
    if (timers.time('optimizer_step', () => updates.step(task.where, task.epochDone))) task.notify('onUpdate')
  }
}

trainSteps.register(StandardTrainStep.key, StandardTrainStep)

const unwrapped = (outputs: Tensor | Tensor[]): Tensor | Tensor[] =>
  Array.isArray(outputs) && outputs.length === 1 ? outputs[0]! : outputs

function meanOverProcesses(loss: Tensor): number {
  if (worldSize() === 1) return loss.item()
  const mean = loss.detach().clone()
  allReduce(mean, 'mean')
  return mean.item()
}

function updateMeters(task: Task, output: Tensor | Tensor[]): void {
  if (!task.metered) return
  const { target } = task.step
  if (!(target instanceof Tensor)) {
    throw new VisslError(
      ExitCode.usage,
      `${task.meters[0]!.name} takes one target, and TARGET_KEY_NAMES has ${Object.keys(target).length}`,
      'name one key, or set config.METERS.name=""',
    )
  }
  for (const meter of task.meters) meter.update(Array.isArray(output) ? output : [output], target)
}

function rowsOf(target: Target): number {
  const first = target instanceof Tensor ? target : Object.values(target)[0]
  return first?.shape[0] ?? 1
}

function requireScalar(loss: Tensor, task: Task): void {
  if (loss instanceof Tensor && loss.numel === 1) return
  const got = loss instanceof Tensor ? loss.describe() : String(loss)
  throw new VisslError(
    ExitCode.usage,
    `loss ${task.config.LOSS.name} returned ${got}, but a loss is one number`,
    'reduce it with mean() or sum()',
  )
}

/** The reference overshoots its schedule when it resumes in the middle of an epoch without the stateful sampler. */
function requireUnfinished(task: Task): void {
  if (task.where < 1) return
  throw new VisslError(
    ExitCode.usage,
    `training is over after ${task.maxIteration} steps, and this would be step ${task.iteration + 1}`,
    'raise config.OPTIMIZER.num_epochs',
  )
}
