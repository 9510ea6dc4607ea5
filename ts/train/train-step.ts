import type { TrainingBatch } from '../data/index.ts'
import { noGrad, type Tensor } from '../engine/index.ts'
import { ExitCode, VisslError } from '../errors.ts'
import { Registry } from '../registry.ts'
import type { Task } from './task.ts'

/** One batch through the model, and in a training phase one update. Runs in a scope of its own. */
export type TrainStep = (task: Task, batch: TrainingBatch) => void

/** Train steps by `TRAINER.TRAIN_STEP_NAME`. */
export const trainSteps = new Registry<TrainStep>('train step')

/** Forward, loss, backward, update, with the hooks in between. */
export const standardTrainStep: TrainStep = (task, batch) => {
  const { input, target } = batch.tensors()
  task.step = { batch, target, output: undefined, loss: Number.NaN, batchSize: batch.size }
  if (task.train) trainOn(task, input, target)
  else noGrad(() => forwardAndLoss(task, input, target))
}

trainSteps.register('standard_train_step', standardTrainStep)

function forwardAndLoss(task: Task, input: Tensor, target: Tensor): Tensor {
  const outputs = task.model.call(input)
  const output = Array.isArray(outputs) && outputs.length === 1 ? outputs[0]! : outputs
  task.step.output = output
  if (task.train) task.iteration++
  task.notify('onForward')
  const loss = task.loss.call(output, target)
  if (loss.numel !== 1) {
    throw new VisslError(
      ExitCode.usage,
      `loss ${task.config.LOSS.name} returned ${loss.describe()}, but a loss is one number`,
      'reduce it with mean() or sum()',
    )
  }
  task.step.loss = loss.item()
  const rows = target.shape[0] ?? 1
  task.losses.push(task.step.loss * rows)
  task.rows += rows
  for (const meter of task.meters) meter.update(Array.isArray(output) ? output : [output], target)
  task.notify('onLossAndMeter')
  return loss
}

function trainOn(task: Task, input: Tensor, target: Tensor): void {
  const loss = forwardAndLoss(task, input, target)
  task.optimizer.zeroGrad()
  loss.backward()
  task.notify('onBackward')
  task.rates.beforeStep(task.where)
  noGrad(() => task.optimizer.step())
  task.notify('onUpdate')
  task.numUpdates += task.globalBatchSize
}
