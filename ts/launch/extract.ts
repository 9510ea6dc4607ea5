import { mkdirSync } from 'node:fs'
import { resolve } from 'node:path'
import { describeWeights, initWeights } from '../checkpoint/init-weights.ts'
import { type Config, originOf } from '../config/index.ts'
import { createLoader, type Loader } from '../data/index.ts'
import { rank, worldSize } from '../distributed/index.ts'
import { computeThreads, manualSeed } from '../engine/index.ts'
import { ExitCode, VisslError } from '../errors.ts'
import { extractFeatures } from '../eval/extract-features.ts'
import { ConsoleLog, fileError, MAKE_FOLDER, Progress, styleFor } from '../logging/index.ts'
import { FeatureExtractor, SslModel } from '../models/index.ts'
import { usesChannelsLast } from './build-task.ts'
import { type Prepared, prepare } from './prepare.ts'
import { isDirChosen } from './report.ts'
import { placeRun } from './resume.ts'
import type { TrainingRequest } from './run.ts'
import { StopSignals } from './signals.ts'
import { counted } from './skipped.ts'

/**
 * The engine `extract_features`: passes the splits through the model that `MODEL.WEIGHTS_INIT` names and writes the
 * features of each layer that `LINEAR_EVAL_FEAT_POOL_OPS_MAP` lists, or of the heads, as `.npy` files into the run's
 * folder.
 *
 * @throws VisslError for everything a user can mend; `Stopped` after a signal
 */
export async function runExtraction(request: TrainingRequest): Promise<ExitCode> {
  const { output } = request
  const screen = new ConsoleLog(output)
  const say = (message: string) => screen.info(message)
  output.write(`${styleFor(output).bold(request.commandLine.join(' '))}\n`)
  const signals = new StopSignals(say)
  const loaders: [split: 'TRAIN' | 'TEST', loader: Loader][] = []
  let cleanUp: Prepared['cleanUp'] | undefined
  try {
    const prepared = await prepare(request, say, signals)
    const { config } = prepared
    cleanUp = prepared.cleanUp
    if (config.MACHINE.THREADS > 0) computeThreads(config.MACHINE.THREADS)
    manualSeed(config.SEED_VALUE)
    for (const split of splitsOf(config)) loaders.push([split, splitLoader(config, split)])
    using model = new SslModel(config.MODEL)
    if (usesChannelsLast(config)) model.to({ memoryFormat: 'channels_last' })
    loadWeights(model, config, screen)
    const { trunk } = model
    const layers = trunk instanceof FeatureExtractor && model.extractsFeatures ? trunk.layers : []
    say(`layers   ${layers.length > 0 ? layers.join(', ') : 'heads'}`)
    for (const [split, loader] of loaders) say(`${split.padEnd(8)} ${counted(loader.info.samples, 'image')}`)
    if (request.dryRun) {
      say('dry run: features of these would be extracted; nothing was written')
      return ExitCode.ok
    }
    const { folder, threshold } = placeOf(config, request)
    const progress = new Progress({ output, frequency: config.LOG_FREQUENCY })
    for (const [split, loader] of loaders) {
      const { INPUT_KEY_NAMES, TARGET_KEY_NAMES } = config.DATA[split]
      const written = await extractFeatures(
        model,
        loader,
        {
          folder,
          split: split === 'TRAIN' ? 'train' : 'test',
          rank: rank(),
          layers,
          chunkThreshold: threshold,
        },
        {
          inputKeys: INPUT_KEY_NAMES,
          targetKeys: TARGET_KEY_NAMES,
          isStopped: () => signals.signal.aborted,
          progress: (done, total) => progress.status(`${split} ${done}/${total}`),
        },
      )
      progress.clear()
      if (written === undefined) signals.throwIfStopped()
      for (const path of written ?? []) say(`wrote ${path}`)
    }
    return ExitCode.ok
  } finally {
    for (const [, loader] of loaders) loader[Symbol.dispose]()
    await cleanUp?.()
    signals.restore()
  }
}

/** The folder that features go to, and how many numbers a chunk holds. */
function placeOf(config: Config, { resume, cwd, origins, name }: TrainingRequest) {
  const { OUTPUT_DIR, CHUNK_THRESHOLD: threshold } = config.EXTRACT_FEATURES
  if (OUTPUT_DIR !== '') return { folder: makeFolder(resolve(cwd, OUTPUT_DIR)), threshold }
  const isDirSet = isDirChosen(config, originOf(origins, 'config.CHECKPOINT.DIR').kind)
  return { folder: placeRun(config, { name, isDirSet, resume, cwd }).folder.path, threshold }
}

/** The splits that a run would use, as far as there are data for them. */
function splitsOf(config: Config): ('TRAIN' | 'TEST')[] {
  const wanted = (['TRAIN', 'TEST'] as const).filter((split) =>
    split === 'TRAIN' ? !config.TEST_ONLY : config.TEST_MODEL,
  )
  const present = wanted.filter((split) => config.DATA[split].DATA_SOURCES.length > 0)
  if (present.length > 0) return present
  throw new VisslError(
    ExitCode.usage,
    'there is nothing to extract features from: DATA.TRAIN and DATA.TEST have no DATA_SOURCES, or are not used',
    'set DATA_SOURCES, TEST_MODEL and TEST_ONLY',
  )
}

function splitLoader(config: Config, splitName: 'TRAIN' | 'TEST'): Loader {
  return createLoader({
    split: { ...config.DATA[splitName], DROP_LAST: false },
    splitName,
    workers: config.DATA.NUM_DATALOADER_WORKERS,
    seed: config.SEED_VALUE,
    channelsLast: usesChannelsLast(config),
    rank: rank(),
    worldSize: worldSize(),
  })
}

function loadWeights(model: SslModel, config: Config, screen: ConsoleLog): void {
  const settings = config.MODEL.WEIGHTS_INIT
  if (settings.PARAMS_FILE === '') {
    screen.warn(
      'config.MODEL.WEIGHTS_INIT.PARAMS_FILE is not set: these are the features of an untrained network',
    )
    return
  }
  const report = initWeights(model, settings)
  if (report !== undefined) screen.info(`weights  ${describeWeights(report)}`)
}

function makeFolder(path: string): string {
  try {
    mkdirSync(path, { recursive: true })
    return path
  } catch (error) {
    throw fileError(MAKE_FOLDER, path, error)
  }
}
