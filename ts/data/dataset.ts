import { didYouMean, ExitCode, VisslError } from '../errors.ts'

/** A `DATA.TRAIN` or `DATA.TEST` block, as far as the loader reads it. */
export interface DataSplit {
  DATA_SOURCES: readonly string[]
  DATASET_NAMES?: readonly string[]
  DATA_PATHS: readonly string[]
  LABEL_SOURCES?: readonly string[]
  LABEL_TYPE?: string
  TRANSFORMS: readonly Readonly<Record<string, unknown>>[]
  COLLATE_FUNCTION: string
  BATCHSIZE_PER_REPLICA: number
  DROP_LAST?: boolean
  DATA_LIMIT?: number
  DEFAULT_GRAY_IMG_SIZE?: number
  USE_STATEFUL_DISTRIBUTED_SAMPLER?: boolean
}

/** Which part of a data set a block stands for; idx folders and drawn shapes differ by it. */
export type SplitName = 'TRAIN' | 'TEST'

type SourceSpec = Record<string, unknown> & { type: string }

interface SourceContext {
  split: DataSplit
  splitName: SplitName
  channels: 1 | 3
}

const split = (name: SplitName): string => (name === 'TRAIN' ? 'train' : 'test')

const limit = (block: DataSplit): number => Math.max(0, block.DATA_LIMIT ?? 0)

/** Samples of the sets that are made, not read, when `DATA_LIMIT` says nothing. */
const syntheticCount = 50_000
const shapesCount: Record<SplitName, number> = { TRAIN: 20_000, TEST: 5_000 }

const sources: Record<string, (context: SourceContext) => SourceSpec> = {
  disk_folder: (context) => ({
    type: 'disk_folder',
    path: dataPath(context),
    labels: (context.split.LABEL_SOURCES ?? []).length > 0,
  }),
  idx: (context) => ({ type: 'idx', path: dataPath(context), split: split(context.splitName) }),
  synthetic: ({ split: block }) => ({
    type: 'synthetic',
    size: block.DEFAULT_GRAY_IMG_SIZE ?? 224,
    count: limit(block) || syntheticCount,
  }),
  shapes: ({ split: block, splitName, channels }) => ({
    type: 'shapes',
    count: limit(block) || shapesCount[splitName],
    split: split(splitName),
    gray: channels === 1,
  }),
}

/** Data sources by `DATA_SOURCES` entry. */
export const dataSources: readonly string[] = Object.keys(sources)

/** Collators by `COLLATE_FUNCTION`. */
export const collators: readonly string[] = ['default_collate', 'simclr_collator']

/**
 * The source of a block, as the data engine takes it.
 *
 * @throws VisslError naming the key when the block asks for what there is not
 */
export function sourceSpec(context: SourceContext): SourceSpec {
  const { split: block, splitName } = context
  const key = `DATA.${splitName}`
  if (block.DATA_SOURCES.length !== 1) {
    throw new VisslError(
      ExitCode.usage,
      `${key}.DATA_SOURCES has ${block.DATA_SOURCES.length} entries`,
      'give one data source',
    )
  }
  const name = block.DATA_SOURCES[0]!
  const specOf = choose(sources, name, `${key}.DATA_SOURCES`, 'data source')
  const labelSources = block.LABEL_SOURCES ?? []
  if (labelSources.length > 0 && (labelSources.length !== 1 || labelSources[0] !== name)) {
    throw new VisslError(
      ExitCode.usage,
      `${key}.LABEL_SOURCES is [${labelSources.join(', ')}], but labels come from the data source`,
      `set it to [${name}] or []`,
    )
  }
  return specOf(context)
}

/** The collator's name, checked. */
export function collatorOf(block: DataSplit, splitName: SplitName): string {
  const known = Object.fromEntries(collators.map((name) => [name, name]))
  return choose(known, block.COLLATE_FUNCTION, `DATA.${splitName}.COLLATE_FUNCTION`, 'collator')
}

/** Class labels when there is a label source, else what `LABEL_TYPE` says. */
export function labelType(block: DataSplit, splitName: SplitName): string {
  if ((block.LABEL_SOURCES ?? []).length > 0) return 'standard'
  const known = { standard: 'standard', sample_index: 'sample_index', zero: 'zero' }
  return choose(known, block.LABEL_TYPE ?? 'sample_index', `DATA.${splitName}.LABEL_TYPE`, 'label type')
}

function dataPath({ split: block, splitName }: SourceContext): string {
  const path = block.DATA_PATHS[0]
  if (path !== undefined && path !== '') return path
  const name = block.DATASET_NAMES?.[0]
  throw new VisslError(
    ExitCode.usage,
    `DATA.${splitName}.DATA_PATHS is empty${name === undefined ? '' : ` and no path of "${name}" is known`}`,
    `set config.DATA.${splitName}.DATA_PATHS=[/path/to/images]`,
  )
}

function choose<T>(known: Record<string, T>, name: string, key: string, kind: string): T {
  if (Object.hasOwn(known, name)) return known[name]!
  const names = Object.keys(known)
  const near = didYouMean(name, names)
  throw new VisslError(
    ExitCode.usage,
    `${key}: there is no ${kind} named "${name}"${near.length > 0 ? `; did you mean ${near.join(' or ')}?` : ''}`,
    `known: ${names.join(', ')}`,
  )
}
