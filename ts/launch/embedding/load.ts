import { existsSync, realpathSync, statSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { initWeights } from '../../checkpoint/init-weights.ts'
import { newestCheckpoint } from '../../checkpoint/names.ts'
import { type Config, composeConfig, inferConfig } from '../../config/index.ts'
import { computeThreads } from '../../engine/index.ts'
import { ExitCode, VisslError } from '../../errors.ts'
import { TRAIN_CONFIG } from '../../logging/index.ts'
import { SslModel } from '../../models/index.ts'
import { usesChannelsLast } from '../build-task.ts'
import { loadPlugins } from '../plugins.ts'
import { imageTransforms, type Transform } from './image-transforms.ts'
import { LoadedModel } from './loaded-model.ts'

export interface LoadOptions {
  /** Name or file of the configuration the model was trained with. Default: `train_config.yaml` of the run. */
  readonly config?: string
  /** Modules with trunks and heads of one's own, as for `train`. */
  readonly plugins?: readonly string[]
  /** A feature of the trunk to embed by, `res5` for example; the heads are not built then. */
  readonly layer?: string
  /** How images are made ready, as in `DATA.TEST.TRANSFORMS`. Default: as the configuration tests, or trains. */
  readonly transforms?: readonly Transform[]
  /** Threads that compute; they are the whole process's. Default: as libtorch has them. */
  readonly threads?: number
  /** Folder that relative paths belong to. Default: the working folder. */
  readonly cwd?: string
}

/**
 * Loads a trained model to embed images with, in this process.
 *
 * @param from a checkpoint, or the folder of a run, of which the newest checkpoint is used
 * @throws VisslError when there is no checkpoint or no configuration, when the file is damaged, and when it holds
 *   another model than the configuration describes
 * @example
 * using model = await load('runs/quickstart-1')
 * const vectors = await model.embed(['a.jpg', 'b.jpg'])      // Float32Array, 2 × model.width
 */
export async function load(from: string | undefined, options: LoadOptions = {}): Promise<LoadedModel> {
  const { plugins = [], layer, transforms, threads, cwd = process.cwd() } = options
  const file = checkpointFile(from, cwd)
  await loadPlugins(plugins.map((plugin) => resolve(cwd, plugin)))
  const base = options.config === undefined ? configBeside(file) : named(options.config, cwd)
  const { config: composed, origins } = composeConfig({ config: base, cwd })
  const config = inferConfig(composed, { origins })
  if (threads !== undefined) computeThreads(threads)
  const model = buildModel(config, layer, file)
  try {
    return new LoadedModel(
      model,
      {
        transforms: imageTransforms(config.DATA, transforms),
        channelsLast: usesChannelsLast(config),
        workers: Math.max(1, config.DATA.NUM_DATALOADER_WORKERS),
      },
      layer,
    )
  } catch (error) {
    model.free()
    throw error
  }
}

/** The model with the file's weights. */
function buildModel(config: Config, layer: string | undefined, file: string): SslModel {
  const { MODEL } = config
  const model = new SslModel(layer === undefined ? MODEL : { ...MODEL, HEAD: { ...MODEL.HEAD, PARAMS: [] } })
  try {
    if (usesChannelsLast(config)) model.to({ memoryFormat: 'channels_last' })
    const report = initWeights(model, {
      PARAMS_FILE: file,
      STATE_DICT_KEY_NAME: 'classy_state_dict',
      SKIP_LAYERS: [],
      REMOVE_PREFIX: null,
      APPEND_PREFIX: null,
    })
    const missing = report?.missing ?? []
    if (missing.length > 0) {
      throw new VisslError(
        ExitCode.data,
        `${file} lacks ${missing.length} weights of the model, ${missing[0]} for example`,
        'give the configuration it was trained with: load(…, { config })',
      )
    }
    return model
  } catch (error) {
    model.free()
    throw error
  }
}

function checkpointFile(from: string | undefined, cwd: string): string {
  if (from === undefined) {
    throw new VisslError(
      ExitCode.usage,
      'there is no checkpoint to load',
      'wait for run.done, or for run.save(), before load(run.checkpoint)',
    )
  }
  const path = resolve(cwd, from)
  if (!existsSync(path)) {
    throw new VisslError(ExitCode.data, `there is no ${path}`, 'give a .torch file or the folder of a run')
  }
  // A digest lies beside the file that a link points to, not beside the link.
  if (!statSync(path).isDirectory()) return realpathSync(path)
  const found = newestCheckpoint(join(path, 'checkpoints')) ?? newestCheckpoint(path)
  if (found !== undefined) return found
  throw new VisslError(
    ExitCode.data,
    `${path} holds no checkpoint`,
    'give a .torch file or the folder of a run',
  )
}

/** The configuration that a run keeps beside its checkpoints, or above their folder. */
function configBeside(file: string): string {
  const folder = dirname(file)
  const run = basename(folder) === 'checkpoints' ? dirname(folder) : folder
  const path = join(run, TRAIN_CONFIG)
  if (existsSync(path)) return path
  throw new VisslError(
    ExitCode.usage,
    `${run} has no ${TRAIN_CONFIG} that says what model ${basename(file)} is`,
    "name the configuration: load(…, { config: 'pretrain/simclr/simclr_8node_resnet' })",
  )
}

/** The path of a file where there is one of that name, else the name. */
function named(config: string, cwd: string): string {
  const path = resolve(cwd, config)
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true ? path : config
}
