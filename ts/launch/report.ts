import { relative } from 'node:path'
import type { Config } from '../config/index.ts'
import type { Loader } from '../data/index.ts'
import { worldSize } from '../distributed/index.ts'
import { computeThreads, slowAutocast } from '../engine/index.ts'
import { KnnHook } from '../hooks/knn.ts'
import {
  formatCount,
  formatDuration,
  formatMillions,
  formatNumber,
  type Log,
  type RunFolder,
} from '../logging/index.ts'
import type { ModelTrace } from '../models/index.ts'
import type { Hook } from '../train/hook.ts'
import type { Task } from '../train/task.ts'
import { cacheNotes, counted, unusedFiles, writeSkipped } from './skipped.ts'
import { knnTable } from './summary.ts'

/** The loader whose images a run is about. */
export const mainLoader = (task: Task): Loader => (task.trainLoader ?? task.testLoader)!

/** Says what will be done: data, model, loss, machine, batch, plan. */
export function describeTask(task: Task, log: Log): void {
  const { config, model, precision } = task
  const { info } = mainLoader(task)
  const parameters = model.parameters().reduce((sum, parameter) => sum + parameter.numel, 0)
  const split = config.DATA[task.trainLoader === undefined ? 'TEST' : 'TRAIN']
  const skipped = info.skipped.length > 0 ? ` (${counted(info.skipped.length, 'file')} skipped)` : ''
  log.info(
    `data     ${split.DATASET_NAMES[0] ?? split.DATA_SOURCES[0]}, ${counted(info.samples, 'image')}${skipped}`,
  )
  log.info(
    `model    ${config.MODEL.TRUNK.NAME}, ${formatMillions(parameters)} parameters     loss  ${config.LOSS.name}`,
  )
  log.info(
    `machine  ${config.DATA.NUM_DATALOADER_WORKERS} loader threads, ${computeThreads()} compute threads${precision.dtype === 'float32' ? '' : `, mixed precision in ${precision.dtype}`}`,
  )
  log.info(`batch    ${describeBatch(task)}`)
  log.info(`plan     ${describePlan(task)}`)
  if (precision.dtype !== 'float32') {
    const slow = slowAutocast(precision.dtype)
    if (slow !== undefined) log.warn(`${slow}; to turn it off: config.MODEL.AMP_PARAMS.USE_AMP=false`)
  }
}

/** What a model does with two images: sizes, computation, memory. */
export function describeTrace(trace: ModelTrace): string {
  const { features, outputs, parameters, trainable, multiplyAdds, activationBytes } = trace
  const shown = (shapes: readonly (readonly number[])[]) =>
    shapes.map((shape) => shape.slice(1).join('×')).join(', ')
  const all = Object.entries(features).map(([name, shape]) => `${name} ${shape.slice(1).join('×')}`)
  return [
    `features ${all.join(', ')}`,
    `outputs  ${shown(outputs)} an image; ${formatCount(trainable)} of ${formatCount(parameters)} parameters are trained`,
    `effort   ${formatNumber(multiplyAdds / 2 / 1e9)} G multiply-adds and about ${formatCount(activationBytes / 2 / 2 ** 20)} MiB of activations for an image and its views`,
  ].join('\n  ')
}

/** The effective batch, and what it is made of: `512 (128 images × 2 processes × 2 batches an update)`. */
function describeBatch({ config, updates, trainLoader }: Task): string {
  const own = config.DATA[trainLoader === undefined ? 'TEST' : 'TRAIN'].BATCHSIZE_PER_REPLICA
  const factors = [`${formatCount(own)} images`]
  if (worldSize() > 1) factors.push(`${worldSize()} processes`)
  if (updates.batches > 1) factors.push(`${updates.batches} batches an update`)
  const total = own * worldSize() * updates.batches
  return factors.length === 1 ? factors[0]! : `${formatCount(total)} images (${factors.join(' × ')})`
}

function describePlan({ trainPhases, trainLoader, phases, testLoader }: Task): string {
  if (trainLoader === undefined) {
    return `${counted(phases.length, 'test')} of ${counted(testLoader?.batches ?? 0, 'step')}`
  }
  const tests = phases.length - trainPhases
  const also =
    tests === 0 ? '' : `, and ${counted(tests, 'test')} of ${counted(testLoader?.batches ?? 0, 'step')}`
  return `${counted(trainPhases, 'epoch')} of ${counted(trainLoader.batches, 'step')}${also}`
}

/** What a run that came to its end leaves: kNN table, time, images that were of no use, files, what to do next. */
export function reportEnd(
  task: Task,
  hooks: readonly Hook[],
  { folder, checkpoints, screen, log, seconds, cwd }: EndServices,
): void {
  const knn = hooks.find((hook) => hook instanceof KnnHook)
  const table = knn === undefined ? '' : knnTable(knn.records)
  if (table !== '') screen.info(`\n${table}\n`)
  log.info(`done in ${formatDuration(seconds)}`)
  reportImages(task, folder, log)
  const shown = relative(cwd, folder.path) || '.'
  const newest = relative(folder.path, task.lastCheckpoint ?? checkpoints) || '.'
  screen.info(`${shown}/  ├ ${newest}   ├ metrics.jsonl   ├ log.txt`)
  screen.info(`next:  vissl train ./your-photos   ·   vissl config show config=${shown}/train_config.yaml`)
}

/** Where {@link reportEnd} writes. */
export interface EndServices {
  readonly folder: RunFolder
  readonly checkpoints: string
  readonly screen: Log
  /** The log file and the screen. */
  readonly log: Log
  readonly seconds: number
  readonly cwd: string
}

/** Lists the files that were of no use in the run folder; names the first ten that could not be decoded. */
function reportImages(task: Task, folder: RunFolder, log: Log): void {
  const loader = mainLoader(task)
  const path = writeSkipped(folder, unusedFiles(loader))
  for (const note of cacheNotes(loader)) log.warn(note)
  const { failures } = loader
  if (path === undefined || failures.length === 0) return
  log.warn(
    `${counted(failures.length, 'file')} could not be decoded, gray images stood in; all are in ${path}`,
  )
  for (const { name, reason } of failures.slice(0, 10)) log.warn(`  ${name}: ${reason}`)
}

/** Whether the user chose a folder for the run; VISSL's files all have `DIR: "."`, which chooses none. */
export const isDirChosen = (config: Config, kind: string): boolean =>
  kind === 'override' || (kind !== 'default' && config.CHECKPOINT.DIR !== '.')
