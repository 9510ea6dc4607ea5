import type { Config } from '../config/index.ts'
import { rank, worldSize } from '../distributed/index.ts'
import { CheckpointHook } from '../hooks/checkpoint.ts'
import {
  BatchesSeenHook,
  PhaseStartHook,
  TestBatchTimeHook,
  TrainBatchTimeHook,
  TrainIterationHook,
} from '../hooks/counters.ts'
import { EventsHook } from '../hooks/events.ts'
import { GpuStatsHook } from '../hooks/gpu-stats.ts'
import { KnnHook, type KnnRecord } from '../hooks/knn.ts'
import { LearningHook } from '../hooks/learning.ts'
import { lossHooks } from '../hooks/losses/index.ts'
import { MemoryHook } from '../hooks/memory.ts'
import { ModelComplexityHook } from '../hooks/model-complexity.ts'
import { NanCheckHook } from '../hooks/nan-check.ts'
import { PerfStatsHook } from '../hooks/perf-stats.ts'
import { PhaseMetricsHook } from '../hooks/phase-metrics.ts'
import { ProgressHook } from '../hooks/progress.ts'
import { SameStartHook } from '../hooks/same-start.ts'
import { TempFreezeHook } from '../hooks/temp-freeze.ts'
import { TensorboardHook } from '../hooks/tensorboard.ts'
import { isForApp, tellEvent } from '../logging/app-channel.ts'
import type { Log, Progress, RunFolder } from '../logging/index.ts'
import { parseParams } from '../nn/params.ts'
import { type Hook, hooks as registry } from '../train/hook.ts'
import type { Task } from '../train/task.ts'
import { usesChannelsLast } from './build-task.ts'
import { heartbeat } from './heartbeat.ts'

/** What hooks write to. */
export interface HookServices {
  readonly folder: RunFolder
  /** Where checkpoints go. */
  readonly checkpoints: string
  readonly progress: Progress
  /** The log file and the screen, above the progress line. */
  readonly log: Log
}

/**
 * The hooks of a run in the reference's order, those that `HOOKS.EXTRA` names before checkpoints, then vissl's own.
 *
 * @throws VisslError for an unknown name, or settings that a hook cannot work with
 */
export function assembleHooks(task: Task, { folder, checkpoints, progress, log }: HookServices): Hook[] {
  const { config } = task
  const { HOOKS } = config
  const file = folder.log
  const events = config.TENSORBOARD_SETUP.USE_TENSORBOARD && rank() === 0 ? folder.events : undefined
  const when = (wanted: boolean, make: () => Hook): Hook[] => (wanted ? [make()] : [])
  const isFirst = rank() === 0
  const checkpoint = new CheckpointHook(checkpoints, file)
  return [
    ...when(worldSize() > 1, () => new SameStartHook()),
    ...when(worldSize() > 1, () => heartbeatHook),
    ...when(config.MONITOR_PERF_STATS, () => new PerfStatsHook(file)),
    ...lossHooks(task),
    ...when(config.MODEL.MODEL_COMPLEXITY.COMPUTE_COMPLEXITY, () => new ModelComplexityHook(file)),
    ...(events === undefined ? [] : [new TensorboardHook(events, folder.tensorboard)]),
    ...when(HOOKS.CHECK_NAN, () => new NanCheckHook(folder.path)),
    new PhaseStartHook(file),
    new TempFreezeHook(),
    new BatchesSeenHook(),
    new TrainBatchTimeHook(),
    new TestBatchTimeHook(),
    new TrainIterationHook(),
    new PhaseMetricsHook(folder),
    // Before the checkpoint: no step that a checkpoint holds is missing in metrics.jsonl.
    new ProgressHook(progress, folder),
    // What they remember of a step is saved after that step.
    ...HOOKS.EXTRA.map((name) => extraHook(name, HOOKS)),
    checkpoint,
    ...when(isForApp(), () => new EventsHook({ folder, progress, checkpoint })),
    ...when(HOOKS.LOG_GPU_STATS, () => new GpuStatsHook(file)),
    ...when(HOOKS.MEMORY_SUMMARY.PRINT_MEMORY_SUMMARY, () => new MemoryHook(file, folder.metrics)),
    ...when(isFirst && watchesLearning(config), () => {
      const outputs = { log, metrics: folder.metrics, events }
      return new LearningHook(outputs, HOOKS.LEARNING.EVERY, HOOKS.LEARNING.SAMPLES)
    }),
    ...when(isFirst && config.EVALUATION.KNN.ENABLED, () => knnHook(task, folder, log)),
  ]
}

const heartbeatHook: Hook = {
  name: 'heartbeat',
  onPhaseStart: ({ iteration, train }) => heartbeat(iteration, train ? 'training' : 'testing'),
  onStep: ({ iteration, train }) => heartbeat(iteration, train ? 'training' : 'testing'),
  onPhaseEnd: ({ iteration }) => heartbeat(iteration, 'end of a phase'),
}

/** Probes and evaluations learn labels from a network that is done learning. */
const watchesLearning = ({ HOOKS, MODEL, TEST_ONLY }: Config): boolean =>
  HOOKS.LEARNING.ENABLED && !TEST_ONLY && !MODEL.FEATURE_EVAL_SETTINGS.EVAL_MODE_ON

function knnHook(task: Task, folder: RunFolder, log: Log): KnnHook {
  const report = (record: KnnRecord): void => {
    log.info(`kNN ${record.top1.toFixed(1)} %  ${record.what}`)
    folder.metrics.write({ type: 'knn', ...record, epoch: record.epoch ?? null })
    const { epoch, ...rest } = record
    tellEvent({ type: 'knn', ...rest, ...(epoch === undefined ? {} : { epoch }) })
  }
  return new KnnHook(task.config, usesChannelsLast(task.config), report, folder.readMetrics('knn'))
}

function extraHook(name: string, blocks: Readonly<Record<string, unknown>>): Hook {
  const kind = registry.get(name)
  return new kind((kind.params && parseParams(`hook "${name}"`, kind.params, blocks[name])) as never)
}
