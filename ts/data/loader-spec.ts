import { join, resolve } from 'node:path'
import { collatorOf, type DataSplit, labelType, type SplitName } from './dataset.ts'
import { withPermutationFiles } from './permutation-file.ts'
import { scriptCollators } from './scripts/collator.ts'
import { ScriptPool, sourceTask, splitTransforms } from './scripts/pool.ts'
import { scriptSources } from './scripts/source.ts'
import type { WorkerTask } from './scripts/worker.ts'
import type { SourceSpec } from './sources/kinds.ts'
import { type LabelSpec, resolveData } from './sources/resolve.ts'
import { userCache } from './user-cache.ts'

/** In which order a rank sees its samples. */
export type SampleOrder = 'distributed' | 'stateful' | 'keyed' | 'sequential' | 'debugging'

export interface SpecOptions {
  split: DataSplit
  splitName: SplitName
  channels: 1 | 3
  order: SampleOrder | undefined
  shapesSize: number | undefined
}

/** What the data engine is told of a split, and who serves what of it is written in TypeScript. */
export interface SplitSpec {
  spec: Record<string, unknown>
  pool: ScriptPool | undefined
}

/** The part of a loader's specification that follows from the split's block. @throws VisslError naming the key */
export function splitSpec({ split, splitName, channels, order, shapesSize }: SpecOptions): SplitSpec {
  const { sources, labels, tasks } = resolveSources(split, splitName, channels)
  for (const source of sources) {
    if (source.type === 'shapes' && shapesSize !== undefined) source.size = shapesSize
  }
  const { list, scripts } = splitTransforms(withPermutationFiles(split.TRANSFORMS))
  const pool =
    scripts.length + tasks.length > 0 ? new ScriptPool({ transforms: scripts, sources: tasks }) : undefined
  if (pool !== undefined) {
    for (const source of sources) if (source.type === 'script') source.queue = pool.queue
  }
  const { DATA_LIMIT_SAMPLING: sampling } = split
  const spec = {
    sources,
    ...(labels.length > 0 && { labels }),
    transforms: list,
    collate: collatorOf(split, splitName),
    ...(!scriptCollators.has(split.COLLATE_FUNCTION) &&
      split.COLLATE_FUNCTION_PARAMS &&
      hasKeys(split.COLLATE_FUNCTION_PARAMS) && { collate_params: split.COLLATE_FUNCTION_PARAMS }),
    label_type: labelType(split, splitName),
    batch_size: split.BATCHSIZE_PER_REPLICA,
    drop_last: split.DROP_LAST ?? false,
    data_limit: split.DATA_LIMIT ?? 0,
    ...(sampling && {
      subset: {
        seed: sampling.SEED ?? 0,
        balanced: sampling.IS_BALANCED ?? false,
        skip: sampling.SKIP_NUM_SAMPLES ?? 0,
      },
    }),
    sampler: order ?? orderOf(split),
    channels,
    gray_size: split.DEFAULT_GRAY_IMG_SIZE ?? 224,
    ...(split.ENABLE_QUEUE_DATASET && { replace_failed: true }),
    ...(split.EXIF_ORIENTATION === false && { exif_orientation: false }),
    ...(split.DECODED_CACHE_MIB && { cache_bytes: split.DECODED_CACHE_MIB * MIB }),
    ...(split.DECODED_CACHE_DISK_MIB && {
      cache_folder: resolve(split.DECODED_CACHE_DIR || join(userCache(), 'decoded')),
      cache_folder_bytes: split.DECODED_CACHE_DISK_MIB * MIB,
    }),
    ...(split.PREFETCH_MIB && { prefetch_bytes: split.PREFETCH_MIB * MIB }),
    ...(pool && { scripts: pool.queue }),
  }
  return { spec, pool }
}

const MIB = 1024 * 1024

const hasKeys = (map: Readonly<Record<string, unknown>>): boolean => Object.keys(map).length > 0

function orderOf(split: DataSplit): SampleOrder {
  if (split.USE_DEBUGGING_SAMPLER === true) return 'debugging'
  if (split.USE_STATEFUL_DISTRIBUTED_SAMPLER === true) return 'stateful'
  return split.USE_KEYED_SAMPLER === true ? 'keyed' : 'distributed'
}

interface Resolved {
  sources: SourceSpec[]
  labels: LabelSpec[]
  tasks: WorkerTask['sources'][number][]
}

/** The sources of a split; those written in TypeScript are described by what an instance on this thread tells. */
function resolveSources(split: DataSplit, splitName: SplitName, channels: 1 | 3): Resolved {
  const scripted = split.DATA_SOURCES.map((name) => scriptSources.has(name))
  if (!scripted.includes(true)) return { ...resolveData({ split, splitName, channels }), tasks: [] }
  const plain = (names: readonly string[]) =>
    names.map((name) => (scriptSources.has(name) ? 'synthetic' : name))
  const resolved = resolveData({
    split: {
      ...split,
      DATA_SOURCES: plain(split.DATA_SOURCES),
      LABEL_SOURCES: plain(split.LABEL_SOURCES ?? []),
    },
    splitName,
    channels,
  })
  const tasks: Resolved['tasks'] = []
  const sources = resolved.sources.map((source, index): SourceSpec => {
    if (!scripted[index]) return source
    const name = split.DATA_SOURCES[index]!
    const registered = scriptSources.get(name)
    const params = { path: split.DATA_PATHS[index] ?? '', split: splitName }
    const instance = registered.create(params)
    tasks.push(sourceTask(registered, params))
    const { length: len, classes } = instance
    const labels = instance.label && Array.from({ length: len }, (_, at) => instance.label!(at))
    const script = tasks.length - 1
    return { type: 'script', script, name, len, ...(labels && { labels }), ...(classes && { classes }) }
  })
  const labels = resolved.labels.map((label, index): LabelSpec => {
    return scriptSources.has(split.LABEL_SOURCES?.[index] ?? '') ? { type: 'source', source: index } : label
  })
  return { sources, labels, tasks }
}
