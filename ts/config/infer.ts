import { ExitCode, VisslError } from '../errors.ts'
import { scaleLearningRates } from './infer-lr.ts'
import type { Origin, Origins } from './origins.ts'
import type { Config } from './schema/index.ts'
import { copy, deleteAt, getAt, isSame, isTree, type Path, setAt, type Tree, type Value } from './tree.ts'

/** Settings of {@link inferConfig}. */
export interface InferOptions {
  /** Gets the rule of every value that is filled in. */
  readonly origins?: Origins
}

/** Writes a value that a rule decides, path below `config`. */
export type Put = (path: string, value: Value, rule: string) => void

/**
 * Fills in what follows from other keys, as VISSL does after composing: sizes of losses, scaled learning rates,
 * meters, label types. Pure: the given configuration stays as it is, and no file is touched.
 *
 * @throws VisslError (usage) when a rule cannot be applied
 */
export function inferConfig(config: Config, options: InferOptions = {}): Config {
  const tree = structuredClone(config) as unknown as Tree
  const result = tree as unknown as Config
  const put: Put = (path, value, rule) => {
    rewrite(tree, path.split('.'), value, { kind: 'rule', rule }, options.origins)
  }
  inferLoss(result, tree, put)
  scaleLearningRates(result, put)
  inferMeters(result, put)
  inferDummyHead(result, put)
  for (const split of ['TRAIN', 'TEST'] as const) {
    if (result.DATA[split].LABEL_SOURCES.length === 0) {
      put(`DATA.${split}.LABEL_TYPE`, 'sample_index', 'no LABEL_SOURCES: labels are sample indices')
    }
  }
  return result
}

/** Makes the value at a path, key by key, what it shall be; what is so already keeps its origin. */
function rewrite(tree: Tree, path: Path, value: Value, origin: Origin, origins: Origins | undefined): void {
  const existing = getAt(tree, path)
  if (isTree(existing) && isTree(value)) {
    for (const key of Object.keys(existing)) {
      if (Object.hasOwn(value, key)) continue
      deleteAt(tree, [...path, key])
      origins?.removed(['config', ...path, key], origin)
    }
    for (const [key, child] of Object.entries(value)) rewrite(tree, [...path, key], child, origin, origins)
  } else if (!isSame(existing, value)) {
    setAt(tree, path, copy(value))
    origins?.merged(['config', ...path], value, () => origin)
  }
}

/** Processes of all machines. */
export function worldSize(config: Config): number {
  return config.DISTRIBUTED.NUM_NODES * config.DISTRIBUTED.NUM_PROC_PER_NODE
}

function inferLoss(config: Config, tree: Tree, put: Put): void {
  const { name } = config.LOSS
  const block = `LOSS.${name}`
  const { BATCHSIZE_PER_REPLICA: batch, DROP_LAST: dropLast } = config.DATA.TRAIN
  const world = worldSize(config)
  const need = (): void => {
    if (!isTree(getAt(tree, ['LOSS', name]))) {
      throw new VisslError(
        ExitCode.usage,
        `config.LOSS.${name} is missing, and the loss "${name}" needs it`,
        `give it:  +config.LOSS.${name}={…}`,
      )
    }
  }
  const crops = (): number => {
    const number = config.DATA.TRAIN.TRANSFORMS.find((step) => 'total_num_crops' in step)?.total_num_crops
    if (typeof number === 'number') return number
    throw new VisslError(
      ExitCode.usage,
      `the loss "${name}" needs a multi-crop transform, and config.DATA.TRAIN.TRANSFORMS has none`,
      'add  {name: ImgPilToMultiCrop, total_num_crops: …}  as the first transform',
    )
  }
  const multicrop = (): void =>
    put('DATA.TRAIN.COLLATE_FUNCTION', 'multicrop_collator', `loss ${name} takes several crops`)

  if (name.includes('simclr_info_nce_loss')) {
    need()
    const multi = name === 'multicrop_simclr_info_nce_loss'
    put(`${block}.buffer_params.world_size`, world, 'number of processes')
    put(
      `${block}.buffer_params.effective_batch_size`,
      (multi ? 1 : 2) * batch * world,
      multi ? 'batch × processes' : '2 × batch × processes',
    )
    if (multi) {
      put(`${block}.num_crops`, crops(), 'crops of the first transform')
      multicrop()
    }
  } else if (name === 'bce_logits_multiple_output_single_target') {
    put(`${block}.world_size`, world, 'number of processes')
  } else if (name === 'deepclusterv2_loss') {
    put(`${block}.DROP_LAST`, dropLast, 'copy of DATA.TRAIN')
    put(`${block}.BATCHSIZE_PER_REPLICA`, batch, 'copy of DATA.TRAIN')
    put(`${block}.num_crops`, crops(), 'crops of the first transform')
    multicrop()
  } else if (name === 'swav_loss' || name === 'swav_momentum_loss') {
    inferSwav(config, put, world, crops)
    if (name === 'swav_momentum_loss') multicrop()
  }
}

function inferSwav(config: Config, put: Put, world: number, crops: () => number): void {
  const name = config.LOSS.name as 'swav_loss' | 'swav_momentum_loss'
  const block = `LOSS.${name}`
  const [head] = config.MODEL.HEAD.PARAMS
  const parameters = head?.[1]
  if (config.MODEL.HEAD.PARAMS.length !== 1 || head?.[0] !== 'swav_head' || !isTree(parameters as Value)) {
    throw new VisslError(
      ExitCode.usage,
      `the loss "${name}" needs exactly one head, a swav_head`,
      'set config.MODEL.HEAD.PARAMS=[[swav_head,{dims:[…],num_clusters:[…]}]]',
    )
  }
  const collator = config.DATA.TRAIN.COLLATE_FUNCTION
  if (name === 'swav_loss' && !['multicrop_collator', 'multicrop_mixup_collator'].includes(collator)) {
    throw new VisslError(
      ExitCode.usage,
      `the loss "swav_loss" needs a collator of several crops, and config.DATA.TRAIN.COLLATE_FUNCTION is "${collator}"`,
      'use multicrop_collator or multicrop_mixup_collator',
    )
  }
  const { dims, num_clusters: clusters } = parameters as { dims: number[]; num_clusters: number[] }
  put(`${block}.num_prototypes`, clusters, 'num_clusters of the head')
  put(`${block}.embedding_dim`, dims.at(-1) ?? null, 'last of dims of the head')
  put(`${block}.num_crops`, crops(), 'crops of the first transform')
  if (name === 'swav_loss') put(`${block}.output_dir`, checkpointFolder(config), 'folder of the run')
  const globalBatch = config.DATA.TRAIN.BATCHSIZE_PER_REPLICA * world
  const length = config.LOSS[name].queue.queue_length
  const rounded = length - (length % globalBatch)
  put(`${block}.queue.queue_length`, rounded, 'rounded down to whole global batches')
  put(`${block}.queue.local_queue_length`, Math.floor(rounded / world), 'share of one process in the queue')
}

/** `CHECKPOINT.DIR`, with the run's id where that is asked for. */
export function checkpointFolder(config: Config): string {
  const { DIR, APPEND_DISTR_RUN_ID } = config.CHECKPOINT
  const { NUM_NODES, RUN_ID } = config.DISTRIBUTED
  return APPEND_DISTR_RUN_ID && NUM_NODES > 1 ? `${DIR}/${RUN_ID}` : DIR
}

function inferMeters(config: Config, put: Put): void {
  const { name } = config.METERS
  const settings = config.MODEL.FEATURE_EVAL_SETTINGS
  const layers = settings.LINEAR_EVAL_FEAT_POOL_OPS_MAP.map(([layer]) => layer)
  const isExtractor = settings.EVAL_MODE_ON && settings.FREEZE_TRUNK_ONLY && layers.length > 0
  if (!isExtractor || (name !== 'accuracy_list_meter' && name !== 'mean_ap_list_meter')) return
  put(`METERS.${name}.num_meters`, layers.length, 'one for each evaluated layer')
  put(`METERS.${name}.meter_names`, layers, 'evaluated layers')
}

function inferDummyHead(config: Config, put: Put): void {
  const settings = config.MODEL.FEATURE_EVAL_SETTINGS
  const needed =
    settings.EVAL_MODE_ON &&
    settings.FREEZE_TRUNK_ONLY &&
    settings.EXTRACT_TRUNK_FEATURES_ONLY &&
    worldSize(config) > 1
  if (needed && config.MODEL.HEAD.PARAMS.length === 0) {
    put('MODEL.HEAD.PARAMS', [['mlp', { dims: [2048, 1000] }]], 'several processes need trainable parameters')
  }
}
