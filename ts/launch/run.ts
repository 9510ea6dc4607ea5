import { describeWeights, initWeights } from '../checkpoint/init-weights.ts'
import { newestCheckpoint } from '../checkpoint/names.ts'
import { removeStrays } from '../checkpoint/retention.ts'
import { restoreState, type SavedProgress } from '../checkpoint/training-state.ts'
import { type Config, type Origins, originOf } from '../config/index.ts'
import { libtorchVersion } from '../engine/index.ts'
import { ExitCode } from '../errors.ts'
import { ProfileHook } from '../hooks/profile.ts'
import { tellApp } from '../logging/app-channel.ts'
import {
  ConsoleLog,
  type Log,
  type Output,
  Progress,
  type RunFolder,
  type RunInfo,
  runInfo,
  styleFor,
  TeeLog,
  TRAIN_CONFIG,
} from '../logging/index.ts'
import type { Hook } from '../train/hook.ts'
import type { Task } from '../train/task.ts'
import { runPhases } from '../train/trainer.ts'
import { buildTask } from './build-task.ts'
import { checkLabels } from './check-labels.ts'
import { assembleHooks } from './hooks.ts'
import { placeRank } from './place-rank.ts'
import { type Prepared, prepare } from './prepare.ts'
import { rehearse } from './rehearse.ts'
import { describeTask, describeTrace, isDirChosen, mainLoader, reportEnd } from './report.ts'
import { reproducible } from './reproducible.ts'
import { tellStarter } from './restarts.ts'
import { restoreHooks } from './restore-hooks.ts'
import { placeRun, type RunPlace } from './resume.ts'
import { exists, lockRun, type RunLock } from './run-lock.ts'
import { StopSignals } from './signals.ts'
import { counted, unusedFiles, writeSkipped } from './skipped.ts'

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
  /** Change what this machine cannot do. */
  readonly fitMachine?: boolean
  /** Which machine of the run this is, from 0. */
  readonly nodeId?: number
  /** How often the run is started again after a crash. */
  readonly maxRestarts?: number
  /** Steps to record; 0: none. */
  readonly profile?: number
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
  const { output, cwd, origins, commandLine, name } = request
  const screen = new ConsoleLog(output)
  const say = (message: string) => screen.info(message)
  output.write(`${styleFor(output).bold(commandLine.join(' '))}\n`)
  const signals = new StopSignals(say)
  let task: Task | undefined
  let place: RunPlace | undefined
  let lock: RunLock | undefined
  let cleanUp: Prepared['cleanUp'] | undefined
  const warnings: string[] = []
  const warn = (message: string) => warnings.push(message)
  const enter = (folder: RunFolder, checkpoints: string) => {
    lock = lockRun(folder.path)
    reportLeftOvers(lock, [folder.path, checkpoints], warn)
    tellStarter(folder.path)
  }
  try {
    const prepared = await prepare(request, say, signals)
    const { fitted, config, trace } = prepared
    cleanUp = prepared.cleanUp
    task = buildTask(config, request.dryRun ? (message) => screen.warn(message) : warn)
    checkLabels(config, trace, { TRAIN: task.trainLoader, TEST: task.testLoader })
    describeTask(task, screen)
    if (request.dryRun) {
      initialWeights(task, screen)
      if (trace !== undefined) say(describeTrace(trace))
      await rehearse(task)
      const plan = `${counted(task.phases.length, 'phase')} and ${counted(task.maxIteration, 'step')}`
      say(`dry run: the first step works; ${plan} would follow; nothing was written`)
      return ExitCode.ok
    }
    const isDirSet = isDirChosen(config, originOf(origins, 'config.CHECKPOINT.DIR').kind)
    place = placeRank(() => placeRun(config, { name, isDirSet, resume: request.resume, cwd, enter, warn }))
    for (const warning of warnings) new TeeLog(place.folder.log, screen).warn(warning)
    tellApp({ type: 'placed', folder: place.folder.path, checkpoint: newestOf(place) })
    if (place.isFinished) {
      say('this run is finished; to train anew: another folder, or config.CHECKPOINT.OVERWRITE_EXISTING=true')
      return ExitCode.ok
    }
    return await train(task, place, { ...request, config: fitted }, screen, signals)
  } finally {
    signals.restore()
    task?.free()
    await cleanUp?.()
    place?.folder.close()
    lock?.release()
  }
}

/** Removes and names what a killed process has left in a run's folders. */
function reportLeftOvers(lock: RunLock, folders: string[], warn: (message: string) => void): void {
  if (lock.takenFrom !== undefined) {
    const { pid, host, started } = lock.takenFrom
    warn(
      `the run of process ${pid} on ${host}, since ${started}, has ended without a word; this one takes over`,
    )
  }
  for (const folder of new Set(folders)) {
    for (const name of removeStrays(folder, exists))
      warn(`removed ${name}, which a killed process left unfinished`)
  }
}

async function train(
  task: Task,
  place: RunPlace,
  request: TrainingRequest,
  screen: ConsoleLog,
  signals: StopSignals,
): Promise<ExitCode> {
  const { config } = task
  const { folder, checkpoints } = place
  const started = new Date()
  const log = new TeeLog(folder.log, screen)
  const info = noteRun(task, place, request, started)
  const skipped = unusedFiles(mainLoader(task))
  const list = writeSkipped(folder, skipped)
  if (list !== undefined) log.warn(`${counted(skipped.length, 'file')} skipped: see ${list}`)
  const resumed = place.resumeFrom === undefined ? undefined : resume(task, place.resumeFrom, log)
  if (resumed === undefined) initialWeights(task, log)
  else if (resumed.isFinished) return ExitCode.ok

  const { output } = request
  const progress = new Progress({ output, log: folder.log, frequency: config.LOG_FREQUENCY })
  const above = progress.above(log)
  const own = assembleHooks(task, { folder, checkpoints, progress, log: above })
  const { profile = 0 } = request
  const profiler = profile > 0 ? [new ProfileHook(profile, folder.file('profile.json'), above)] : []
  const hooks: Hook[] = [...own, ...(request.hooks ?? []), ...profiler]
  signals.watch(task, (message) => progress.print(`  ${message}`))
  try {
    if (resumed !== undefined) restoreHooks(hooks, resumed.hooks)
    await runPhases(task, hooks)
  } catch (error) {
    progress.clear()
    const exitCode = (error as { exitCode?: ExitCode }).exitCode ?? ExitCode.internal
    // What ended the run is what is reported, also where a full disk takes no more notes of it.
    attempt(() => folder.log.error((error as Error).message))
    attempt(() => writeSkipped(folder, unusedFiles(mainLoader(task))))
    attempt(() => folder.writeInfo({ ...info, finished: new Date().toISOString(), exitCode }))
    throw error
  } finally {
    for (const hook of hooks) hook.free?.()
  }
  folder.writeInfo({ ...info, finished: new Date().toISOString(), exitCode: ExitCode.ok })
  const seconds = (Date.now() - started.getTime()) / 1000
  reportEnd(task, hooks, { folder, checkpoints, screen, log, seconds, cwd: request.cwd })
  return ExitCode.ok
}

/** Writes `train_config.yaml` and `run.json`. */
function noteRun(task: Task, { folder }: RunPlace, request: TrainingRequest, started: Date): RunInfo {
  folder.writeConfig(reproducible(request.config, request.cwd), [
    `trains this run again: vissl train config=${folder.file(TRAIN_CONFIG)}`,
    `written by: ${request.commandLine.join(' ')}`,
  ])
  const info = runInfo({
    name: request.name,
    command: request.commandLine,
    cwd: request.cwd,
    seed: task.config.SEED_VALUE,
    config: request.name,
    device: task.config.MACHINE.DEVICE,
    versions: { libtorch: libtorchVersion() },
    started,
  })
  folder.writeInfo(info)
  return info
}

/** The checkpoint that stands for a run before it has written one of its own. */
const newestOf = ({ resumeFrom, isFinished, checkpoints }: RunPlace): string | undefined =>
  resumeFrom ?? (isFinished ? newestCheckpoint(checkpoints) : undefined)

/** Starts from the weights of a file, where `MODEL.WEIGHTS_INIT` names one. */
function initialWeights({ config, model }: Task, log: Log): void {
  const settings = config.MODEL.WEIGHTS_INIT
  if (settings.PARAMS_FILE === '') return
  const report = initWeights(model, settings)
  if (report !== undefined) log.info(`weights  ${describeWeights(report)}`)
}

/** @returns whether the run was finished already, and what its hooks remembered */
function resume(task: Task, path: string, log: Log): { isFinished: boolean; hooks: SavedProgress['hooks'] } {
  const { progress, sums, hooks } = restoreState(path, {
    model: task.model,
    loss: task.loss,
    optimizer: task.optimizer,
    scaler: task.updates.scaler,
  })
  task.resumeAt(progress, sums)
  task.lastCheckpoint = path
  log.info(`resumed from ${path} at step ${task.iteration}`)
  const isFinished = task.phaseIdx + 1 >= task.phases.length
  if (isFinished)
    log.info('this run is finished; train anew with another folder, or raise config.OPTIMIZER.num_epochs')
  return { isFinished, hooks }
}

function attempt(action: () => void): void {
  try {
    action()
  } catch {
    // The caller is about to throw what happened first.
  }
}
