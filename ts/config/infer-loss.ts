import { ExitCode, VisslError } from '../errors.ts'
import { type Facts, folderOf, worldOf } from './facts.ts'
import { isTree, type Tree } from './tree.ts'

/** Fills in what the chosen loss takes from data, model and processes. */
export function inferLoss(facts: Facts): void {
  const name = facts.text('LOSS.name')
  const rule = RULES.find(([applies]) => applies(name))?.[1]
  rule?.(facts, name)
}

/** The first that applies counts. The name of a loss of one's own may contain that of SimCLR's. */
const RULES: readonly (readonly [(name: string) => boolean, (facts: Facts, name: string) => void])[] = [
  [(name) => name.includes('simclr_info_nce_loss'), simclr],
  [(name) => name === 'bce_logits_multiple_output_single_target', bce],
  [(name) => name === 'deepclusterv2_loss', deepCluster],
  [(name) => name === 'swav_loss' || name === 'swav_momentum_loss', swav],
  [(name) => name === 'dino_loss', dino],
]

function simclr(facts: Facts, name: string): void {
  const isMulticrop = name === 'multicrop_simclr_info_nce_loss'
  const block = blockOf(facts, name)
  const world = worldOf(facts)
  const batch = facts.number('DATA.TRAIN.BATCHSIZE_PER_REPLICA')
  facts.put(`${block}.buffer_params.world_size`, world, 'number of processes')
  facts.put(
    `${block}.buffer_params.effective_batch_size`,
    (isMulticrop ? 1 : 2) * batch * world,
    isMulticrop ? 'batch × processes' : '2 × batch × processes',
  )
  if (isMulticrop) multicrop(facts, name)
}

function bce(facts: Facts, name: string): void {
  facts.put(`${blockOf(facts, name)}.world_size`, worldOf(facts), 'number of processes')
}

function deepCluster(facts: Facts, name: string): void {
  const block = blockOf(facts, name)
  for (const key of ['DROP_LAST', 'BATCHSIZE_PER_REPLICA']) {
    facts.put(`${block}.${key}`, facts.get(`DATA.TRAIN.${key}`) ?? null, 'copy of DATA.TRAIN')
  }
  multicrop(facts, name)
}

function swav(facts: Facts, name: string): void {
  const block = blockOf(facts, name)
  const head = prototypeHead(facts, name)
  const isMomentum = name === 'swav_momentum_loss'
  if (!isMomentum) checkCollator(facts)
  const { dims, num_clusters: clusters } = head
  if (!Array.isArray(dims) || dims.length === 0 || clusters === undefined) {
    throw facts.wrong('MODEL.HEAD.PARAMS.0.1', 'a map with the lists dims and num_clusters')
  }
  const cropRule = 'crops of the multi-crop transform'
  facts.put(`${block}.num_prototypes`, clusters, 'num_clusters of the head')
  facts.put(`${block}.embedding_dim`, dims.at(-1)!, 'last of dims of the head')
  if (isMomentum) multicrop(facts, name)
  else {
    facts.put(`${block}.num_crops`, crops(facts, name), cropRule)
    facts.put(`${block}.output_dir`, folderOf(facts), 'folder of the run')
  }
  const world = worldOf(facts)
  const globalBatch = facts.number('DATA.TRAIN.BATCHSIZE_PER_REPLICA') * world
  if (globalBatch <= 0) throw facts.wrong('DATA.TRAIN.BATCHSIZE_PER_REPLICA', 'a batch of at least 1')
  const length = facts.number(`${block}.queue.queue_length`)
  const rounded = Math.floor(length / globalBatch) * globalBatch
  facts.put(`${block}.queue.queue_length`, rounded, 'rounded down to whole global batches')
  facts.put(
    `${block}.queue.local_queue_length`,
    Math.floor(rounded / world),
    'share of one process in the queue',
  )
}

/** VISSL 0.1.6. */
function dino(facts: Facts, name: string): void {
  const block = blockOf(facts, name)
  const clusters = prototypeHead(facts, name).num_clusters
  const [size] = Array.isArray(clusters) ? clusters : []
  if (size === undefined) throw facts.wrong('MODEL.HEAD.PARAMS.0.1.num_clusters', 'a list with one number')
  facts.put(`${block}.output_dim`, size, 'num_clusters of the head')
  multicrop(facts, name)
}

function blockOf(facts: Facts, name: string): string {
  const path = `LOSS.${name}`
  // The name may hold a dot, which no key does.
  if (isTree(facts.map('LOSS')[name])) return path
  throw new VisslError(
    ExitCode.usage,
    `config.LOSS.${name} is missing, and the loss "${name}" needs it`,
    `give it:  +config.LOSS.${name}={…}`,
  )
}

function multicrop(facts: Facts, name: string): void {
  facts.put(`LOSS.${name}.num_crops`, crops(facts, name), 'crops of the multi-crop transform')
  facts.put('DATA.TRAIN.COLLATE_FUNCTION', 'multicrop_collator', `loss ${name} takes several crops`)
}

/** `total_num_crops` of the first transform that has it, as VISSL 0.1.6 looks for it; 0.1.5 knows the first one only. */
function crops(facts: Facts, name: string): number {
  const steps = facts.list('DATA.TRAIN.TRANSFORMS')
  const step = steps.find((item): item is Tree => isTree(item) && Object.hasOwn(item, 'total_num_crops'))
  if (typeof step?.total_num_crops === 'number') return step.total_num_crops
  throw new VisslError(
    ExitCode.usage,
    `the loss "${name}" needs a multi-crop transform, and config.DATA.TRAIN.TRANSFORMS has none`,
    'add  {name: ImgPilToMultiCrop, total_num_crops: …}  as the first transform',
  )
}

const PROTOTYPE_HEADS: readonly unknown[] = ['swav_head', 'swav_head_fsdp']

/** Parameters of the only head. */
function prototypeHead(facts: Facts, name: string): Tree {
  const heads = facts.list('MODEL.HEAD.PARAMS')
  const [head] = heads
  if (heads.length === 1 && Array.isArray(head) && PROTOTYPE_HEADS.includes(head[0]) && isTree(head[1])) {
    return head[1]
  }
  throw new VisslError(
    ExitCode.usage,
    `the loss "${name}" needs exactly one head, a swav_head`,
    'set config.MODEL.HEAD.PARAMS=[[swav_head,{dims:[…],num_clusters:[…]}]]',
  )
}

const MULTICROP_COLLATORS: readonly unknown[] = [
  'multicrop_collator',
  'multicrop_mixup_collator',
  'cutmixup_collator',
]

function checkCollator(facts: Facts): void {
  const collator = facts.get('DATA.TRAIN.COLLATE_FUNCTION')
  if (MULTICROP_COLLATORS.includes(collator)) return
  throw new VisslError(
    ExitCode.usage,
    `the loss "swav_loss" needs a collator of several crops, and config.DATA.TRAIN.COLLATE_FUNCTION is ${JSON.stringify(collator)}`,
    'use multicrop_collator or multicrop_mixup_collator',
  )
}
