import { relative } from 'node:path'
import { restoreState } from '../checkpoint/training-state.ts'
import { type Config, inferConfig, type Origins, originOf } from '../config/index.ts'
import { computeThreads, libtorchVersion } from '../engine/index.ts'
import { ExitCode } from '../errors.ts'
import { CheckpointHook } from '../hooks/checkpoint.ts'
import { KnnHook } from '../hooks/knn.ts'
import { NanCheckHook } from '../hooks/nan-check.ts'
import { PhaseMetricsHook } from '../hooks/phase-metrics.ts'
import { ProgressHook } from '../hooks/progress.ts'
import {
  ConsoleLog,
  formatDuration,
  formatMillions,
  type Output,
  Progress,
  type RunFolder,
  runInfo,
  styleFor,
  TeeLog,
} from '../logging/index.ts'
import type { Hook } from '../train/hook.ts'
import type { Task } from '../train/task.ts'
import { runPhases } from '../train/trainer.ts'
import { buildTask, usesChannelsLast } from './build-task.ts'
import { provideDatasets } from './datasets.ts'
import { fitFolder } from './folder.ts'
import { placeRun, type RunPlace } from './resume.ts'
import { StopSignals } from './signals.ts'
import { counted, unusedFiles, writeSkipped } from './skipped.ts'
import { knnTable } from './summary.ts'

/** What `vissl train` asks for. */
export interface TrainingRequest {
  /** Composed and checked, nothing inferred yet. */
  readonly config: Config
  readonly origins: Origins
  /** Name of the run: the configuration's or the folder's. */
  readonly name: string
  /** A folder of images to choose settings for. */
  readonly folder: string | undefined
  /** `auto`, a checkpoint or a run folder. */
  readonly resume: string | undefined
  /** Build and check everything, train nothing. */
  readonly dryRun: boolean
  readonly commandLine: readonly string[]
  readonly cwd: string
  readonly output: Output
  /** Hooks of the caller's own, called after the built-in ones. */
  readonly hooks?: readonly Hook[]
}

/**
 * Trains as the configuration says, in this process.
 *
 * @throws VisslError for everything a user can mend; `Stopped` after a signal
 */
export async function runTraining(request: TrainingRequest): Promise<ExitCode> {
  const { output, cwd, folder, origins, commandLine, name } = request
  const screen = new ConsoleLog(output)
  const say = (message: string) => screen.info(message)
  output.write(`${styleFor(output).bold(commandLine.join(' '))}\n`)
  const signals = new StopSignals(say)
  let task: Task | undefined
  let place: RunPlace | undefined
  try {
    const fitted = folder === undefined ? request.config : await fitFolder(request.config, origins, say)
    signals.throwIfStopped()
    const config = await provideDatasets(inferConfig(fitted, { origins }), say, signals.signal)
    signals.throwIfStopped()
    task = buildTask(config)
    describeTask(task, screen)
    if (request.dryRun) {
      say(
        `dry run: ${counted(task.phases.length, 'phase')} and ${counted(task.maxIteration, 'step')} would follow; nothing was written`,
      )
      return ExitCode.ok
    }
    const isDirSet = originOf(origins, 'config.CHECKPOINT.DIR').kind !== 'default'
    place = placeRun(config, { name, isDirSet, resume: request.resume, cwd })
    return await train(task, place, { ...request, config: fitted }, screen, signals)
  } finally {
    signals.restore()
    task?.free()
    place?.folder.close()
  }
}

async function train(
  task: Task,
  { folder, checkpoints, resumeFrom }: RunPlace,
  request: TrainingRequest,
  screen: ConsoleLog,
  signals: StopSignals,
): Promise<ExitCode> {
  const { config } = task
  const started = new Date()
  const log = new TeeLog(folder.log, screen)
  const shown = relative(request.cwd, folder.path) || '.'
  folder.writeConfig(request.config)
  const info = runInfo({
    name: request.name,
    command: request.commandLine,
    cwd: request.cwd,
    seed: config.SEED_VALUE,
    config: request.name,
    device: 'cpu',
    versions: { libtorch: libtorchVersion() },
    started,
  })
  folder.writeInfo(info)
  const skipped = unusedFiles(task.trainLoader ?? task.testLoader!)
  const list = writeSkipped(folder, skipped)
  if (list !== undefined) log.warn(`${counted(skipped.length, 'file')} skipped: see ${list}`)
  if (resumeFrom !== undefined) {
    task.resumeAt(restoreState(resumeFrom, task))
    task.lastCheckpoint = resumeFrom
    log.info(`resumed from ${resumeFrom} at step ${task.iteration}`)
    if (task.phaseIdx + 1 >= task.phases.length) {
      log.info('this run is finished; train anew with another folder, or raise config.OPTIMIZER.num_epochs')
      return ExitCode.ok
    }
  }
  const progress = new Progress({
    output: request.output,
    log: folder.log,
    frequency: config.LOG_FREQUENCY,
    rolling: config.ROLLING_BTIME_FREQ,
  })
  const hooks: Hook[] = [new PhaseMetricsHook(folder), new ProgressHook(progress, folder)]
  if (config.HOOKS.CHECK_NAN) hooks.push(new NanCheckHook())
  hooks.push(new CheckpointHook(checkpoints, folder.log))
  const knn = config.EVALUATION.KNN.ENABLED
    ? new KnnHook(config, usesChannelsLast(config), (record) => {
        progress.clear()
        log.info(`kNN ${record.top1.toFixed(1)} %  ${record.what}`)
        folder.metrics.write({ type: 'knn', ...record, epoch: record.epoch ?? null })
      })
    : undefined
  if (knn !== undefined) hooks.push(knn)
  hooks.push(...(request.hooks ?? []))

  signals.watch(task, (message) => progress.print(`  ${message}`))
  let exitCode: ExitCode = ExitCode.internal
  try {
    await runPhases(task, hooks)
    exitCode = ExitCode.ok
  } catch (error) {
    progress.clear()
    exitCode = (error as { exitCode?: ExitCode }).exitCode ?? ExitCode.internal
    const { message } = error as Error
    // What ended the run is what is reported, also where a full disk takes no more notes of it.
    attempt(() => folder.log.error(message))
    attempt(() => writeSkipped(folder, unusedFiles(task.trainLoader ?? task.testLoader!)))
    attempt(() => folder.writeInfo({ ...info, finished: new Date().toISOString(), exitCode }))
    throw error
  }
  folder.writeInfo({ ...info, finished: new Date().toISOString(), exitCode })
  const table = knn === undefined ? '' : knnTable(knn.records)
  if (table !== '') screen.info(`\n${table}\n`)
  log.info(`done in ${formatDuration((Date.now() - started.getTime()) / 1000)}`)
  reportImages(task, folder, log)
  screen.info(
    `${shown}/  ├ ${relative(folder.path, task.lastCheckpoint ?? checkpoints)}   ├ metrics.jsonl   ├ log.txt`,
  )
  screen.info('next:  vissl train ./your-photos   ·   vissl config show config=quickstart')
  return ExitCode.ok
}

function attempt(action: () => void): void {
  try {
    action()
  } catch {
    // The caller is about to throw what happened first.
  }
}

/** Lists the files that were of no use in the run folder; names the first ten that could not be decoded. */
function reportImages(task: Task, folder: RunFolder, log: TeeLog): void {
  const loader = task.trainLoader ?? task.testLoader!
  const path = writeSkipped(folder, unusedFiles(loader))
  const { failures } = loader
  if (path === undefined || failures.length === 0) return
  log.warn(
    `${counted(failures.length, 'file')} could not be decoded, gray images stood in; all are in ${path}`,
  )
  for (const { name, reason } of failures.slice(0, 10)) log.warn(`  ${name}: ${reason}`)
}

function describeTask(task: Task, log: ConsoleLog): void {
  const { config, model, trainLoader } = task
  const info = (trainLoader ?? task.testLoader)!.info
  const parameters = model.parameters().reduce((sum, parameter) => sum + parameter.numel, 0)
  const { BATCHSIZE_PER_REPLICA } = config.DATA.TRAIN
  log.info(
    `data     ${config.DATA.TRAIN.DATASET_NAMES[0] ?? config.DATA.TRAIN.DATA_SOURCES[0]}, ${counted(info.samples, 'image')}` +
      (info.skipped.length > 0 ? ` (${counted(info.skipped.length, 'file')} skipped)` : ''),
  )
  log.info(
    `model    ${config.MODEL.TRUNK.NAME}, ${formatMillions(parameters)} parameters     loss  ${config.LOSS.name}`,
  )
  log.info(
    `machine  batch ${BATCHSIZE_PER_REPLICA}, ${config.DATA.NUM_DATALOADER_WORKERS} loader threads, ${computeThreads()} compute threads`,
  )
  log.info(`plan     ${counted(task.trainPhases, 'epoch')} of ${counted(trainLoader?.batches ?? 0, 'step')}`)
}
