import type { Config } from '../config/index.ts'
import { createLoader, type Loader } from '../data/index.ts'
import { computeThreads, manualSeed } from '../engine/index.ts'
import { ExitCode, VisslError } from '../errors.ts'
import { buildLoss } from '../losses/index.ts'
import { meters } from '../meters/index.ts'
import { SslModel } from '../models/index.ts'
import { buildOptimizer, buildScheduler, LearningRates, type ScheduleParams } from '../optim/index.ts'
import { buildPhases } from '../train/phases.ts'
import { Task } from '../train/task.ts'

/** Whether images and weights are laid out channels last. */
export const usesChannelsLast = (config: Config): boolean => config.MACHINE.MEMORY_FORMAT !== 'contiguous'

/**
 * Puts a run together: data, model, loss, optimizer, schedules. The same configuration and seed give the same run.
 *
 * @throws VisslError for what does not fit, before anything is trained
 */
export function buildTask(config: Config): Task {
  requireOneCpuProcess(config)
  if (config.MACHINE.THREADS > 0) computeThreads(config.MACHINE.THREADS)
  manualSeed(config.SEED_VALUE)
  const { OPTIMIZER: optimizerConfig } = config
  const phases = buildPhases({
    epochs: optimizerConfig.num_epochs,
    testOnly: config.TEST_ONLY,
    testModel: config.TEST_MODEL,
    testEvery: config.TEST_EVERY_NUM_EPOCH,
  })
  if (phases.length === 0) {
    throw new VisslError(
      ExitCode.usage,
      'TEST_ONLY is set and TEST_MODEL is not: there is nothing to do',
      'set config.TEST_MODEL=true or config.TEST_ONLY=false',
    )
  }
  const trainLoader = phases.some((phase) => phase.train) ? splitLoader(config, 'TRAIN') : undefined
  const testLoader = phases.some((phase) => !phase.train) ? splitLoader(config, 'TEST') : undefined
  const model = new SslModel(config.MODEL)
  if (usesChannelsLast(config)) model.to({ memoryFormat: 'channels_last' })
  const loss = buildLoss(config.LOSS)
  const optimizer = buildOptimizer(optimizerConfig, model)
  const { lr, lr_head } = optimizerConfig.param_schedulers
  const schedule = (block: unknown) => buildScheduler(block as ScheduleParams, optimizerConfig.num_epochs)
  const rates = new LearningRates(optimizer.groups, {
    lr: schedule(lr),
    lr_head: optimizerConfig.head_optimizer_params.use_different_lr ? schedule(lr_head) : undefined,
  })
  const { name: meterName } = config.METERS
  const meterList = meterName === '' ? [] : [new (meters.get(meterName))(config.METERS[meterName])]
  return new Task({
    config,
    model,
    loss,
    optimizer,
    rates,
    meters: meterList,
    phases,
    trainLoader,
    testLoader,
  })
}

function splitLoader(config: Config, splitName: 'TRAIN' | 'TEST'): Loader {
  return createLoader({
    split: config.DATA[splitName],
    splitName,
    workers: config.DATA.NUM_DATALOADER_WORKERS,
    seed: config.SEED_VALUE,
    channelsLast: usesChannelsLast(config),
  })
}

function requireOneCpuProcess(config: Config): void {
  const { NUM_NODES, NUM_PROC_PER_NODE } = config.DISTRIBUTED
  const wrong: string[] = []
  if (config.MACHINE.DEVICE !== 'cpu') wrong.push('config.MACHINE.DEVICE=cpu')
  if (NUM_NODES !== 1) wrong.push('config.DISTRIBUTED.NUM_NODES=1')
  if (NUM_PROC_PER_NODE !== 1) wrong.push('config.DISTRIBUTED.NUM_PROC_PER_NODE=1')
  if (wrong.length === 0) return
  throw new VisslError(
    ExitCode.usage,
    `the configuration asks for ${NUM_NODES * NUM_PROC_PER_NODE} process(es) on ${config.MACHINE.DEVICE}; this version trains in one process on the CPU`,
    `add: ${wrong.join(' ')}`,
  )
}
