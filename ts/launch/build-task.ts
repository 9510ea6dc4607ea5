import type { Config } from '../config/index.ts'
import { createLoader, type Loader } from '../data/index.ts'
import { averageGradients, rank, worldGroup, worldSize } from '../distributed/index.ts'
import { computeThreads, manualSeed } from '../engine/index.ts'
import { ExitCode, VisslError } from '../errors.ts'
import { buildLoss, type LossContext } from '../losses/index.ts'
import { buildMeters } from '../meters/index.ts'
import { SslModel } from '../models/index.ts'
import { convertSyncBatchNorm } from '../nn/index.ts'
import {
  type AnyOptimizer,
  buildOptimizer,
  buildScheduler,
  checkpointActivations,
  GradScaler,
  LearningRates,
  type ScheduleParams,
} from '../optim/index.ts'
import { buildPhases, type Phase } from '../train/phases.ts'
import { type Precision, precisionOf } from '../train/precision.ts'
import { Task } from '../train/task.ts'
import { type UpdateOptions, Updates } from '../train/updates.ts'
import { LABELLING } from './check-labels.ts'
import { syncGroup } from './sync-group.ts'

/** Whether images and weights are laid out channels last. */
export const usesChannelsLast = (config: Config): boolean => config.MACHINE.MEMORY_FORMAT !== 'contiguous'

/**
 * Puts a run together: data, model, loss, optimizer, schedules. The same configuration and seed give the same run.
 *
 * @param warn told what will hardly work
 * @throws VisslError for what does not fit, before anything is trained
 */
export function buildTask(config: Config, warn: (message: string) => void = () => {}): Task {
  if (config.MACHINE.THREADS > 0) computeThreads(config.MACHINE.THREADS)
  manualSeed(config.SEED_VALUE)
  const phases = phasesOf(config)
  const trainLoader = phases.some((phase) => phase.train) ? splitLoader(config, 'TRAIN') : undefined
  const testLoader = phases.some((phase) => !phase.train) ? splitLoader(config, 'TEST') : undefined
  const model = buildModel(config)
  const loss = buildLoss(config.LOSS, { ...lossContext(config, trainLoader ?? testLoader!), warn })
  const optimizer = buildOptimizer(config.OPTIMIZER, model)
  const rates = learningRates(config, optimizer)
  const precision = precisionOf(config.MODEL.AMP_PARAMS, 'cpu')
  const updates = new Updates(optimizer, rates, updateOptions(config, precision, optimizer))
  return new Task({
    config,
    model,
    loss,
    optimizer,
    rates,
    updates,
    precision,
    meters: buildMeters(config.METERS),
    phases,
    trainLoader,
    testLoader,
  })
}

/** The model in its final form: statistics over all processes, memory saved, laid out for this machine. */
function buildModel(config: Config): SslModel {
  const model = new SslModel(config.MODEL)
  if (config.MODEL.SYNC_BN_CONFIG.CONVERT_BN_TO_SYNC_BN && worldSize() > 1) {
    const group = syncGroup(config)
    if (group.size > 1) convertSyncBatchNorm(model, group)
  }
  const { USE_ACTIVATION_CHECKPOINTING, NUM_ACTIVATION_CHECKPOINTING_SPLITS } =
    config.MODEL.ACTIVATION_CHECKPOINTING
  if (USE_ACTIVATION_CHECKPOINTING) {
    checkpointActivations(model.trunk, NUM_ACTIVATION_CHECKPOINTING_SPLITS)
  }
  if (usesChannelsLast(config)) model.to({ memoryFormat: 'channels_last' })
  return model
}

function phasesOf(config: Config): Phase[] {
  const phases = buildPhases({
    epochs: config.OPTIMIZER.num_epochs,
    testOnly: config.TEST_ONLY,
    testModel: config.TEST_MODEL,
    testEvery: config.TEST_EVERY_NUM_EPOCH,
  })
  if (phases.length > 0) return phases
  throw new VisslError(
    ExitCode.usage,
    'TEST_ONLY is set and TEST_MODEL is not: there is nothing to do',
    'set config.TEST_MODEL=true or config.TEST_ONLY=false',
  )
}

function lossContext(config: Config, { info }: Loader): LossContext {
  const { BATCHSIZE_PER_REPLICA, DROP_LAST, TRANSFORMS } = config.DATA[config.TEST_ONLY ? 'TEST' : 'TRAIN']
  return {
    batchSize: BATCHSIZE_PER_REPLICA,
    worldSize: worldSize(),
    samples: info.samples,
    crops: info.views,
    dropLast: DROP_LAST,
    labels: info.labelled || TRANSFORMS.some(({ name }) => LABELLING.has(name)),
  }
}

function updateOptions(config: Config, precision: Precision, optimizer: AnyOptimizer): UpdateOptions {
  const { OPTIMIZER, MODEL, DISTRIBUTED, DATA } = config
  const { USE_GRAD_CLIP, MAX_NORM, NORM_TYPE } = MODEL.GRAD_CLIP
  return {
    accumulate: OPTIMIZER.accumulate_batches,
    clip: USE_GRAD_CLIP ? { maxNorm: MAX_NORM, normType: NORM_TYPE } : undefined,
    clipValue: OPTIMIZER.clip_grad_value,
    scaler: precision.scaled ? new GradScaler() : undefined,
    averaging: averageGradients(
      worldGroup(),
      optimizer.groups.flatMap(({ params }) => params),
      {
        // Recomputed segments give a parameter's gradient more than once.
        overlapped:
          !DISTRIBUTED.MANUAL_GRADIENT_REDUCTION &&
          !MODEL.ACTIVATION_CHECKPOINTING.USE_ACTIVATION_CHECKPOINTING,
        bucketMiB: DATA.DDP_BUCKET_CAP_MB,
      },
    ),
  }
}

function learningRates({ OPTIMIZER }: Config, optimizer: AnyOptimizer): LearningRates {
  const { lr, lr_head } = OPTIMIZER.param_schedulers
  const schedule = (block: unknown) => buildScheduler(block as ScheduleParams, OPTIMIZER.num_epochs)
  return new LearningRates(optimizer.groups, {
    lr: schedule(lr),
    lr_head: OPTIMIZER.head_optimizer_params.use_different_lr ? schedule(lr_head) : undefined,
  })
}

function splitLoader(config: Config, splitName: 'TRAIN' | 'TEST'): Loader {
  return createLoader({
    split: config.DATA[splitName],
    splitName,
    workers: config.DATA.NUM_DATALOADER_WORKERS,
    seed: config.SEED_VALUE,
    channelsLast: usesChannelsLast(config),
    rank: rank(),
    worldSize: worldSize(),
  })
}
