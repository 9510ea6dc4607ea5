import type { Config } from '../config/index.ts'
import type { Loader, SplitName } from '../data/index.ts'
import { ExitCode, VisslError } from '../errors.ts'
import { losses } from '../losses/index.ts'
import type { ModelTrace } from '../models/index.ts'

/** Losses whose targets are numbers of classes. */
const CLASS_LOSSES: ReadonlySet<string> = new Set([
  'CrossEntropyLoss',
  'cross_entropy_multiple_output_single_target',
])

/** Transforms that make the label themselves. */
export const LABELLING: ReadonlySet<string> = new Set(['ImgRotatePil', 'ShuffleImgPatches'])

/** Loaders of a task by the split that they read. */
export type SplitLoaders = Partial<Record<SplitName, Loader | undefined>>

/**
 * Compares the labels of the data with the outputs of the model, so that one that is no class shows now and not in
 * whichever step meets it. The class that the loss leaves out (`ignore_index`, −1 unless given) may occur.
 *
 * @throws VisslError (data) naming the key, the first such sample and its label
 */
export function checkLabels(config: Config, trace: ModelTrace | undefined, loaders: SplitLoaders): void {
  const { LOSS, DATA } = config
  const widths = (trace?.outputs ?? []).filter((shape) => shape.length === 2).map((shape) => shape[1]!)
  if (!CLASS_LOSSES.has(LOSS.name) || widths.length === 0) return
  const classes = Math.min(...widths)
  const params = losses.get(LOSS.name).params.parse(LOSS[LOSS.name] ?? {}) as { ignore_index?: number }
  for (const name of ['TRAIN', 'TEST'] as const) {
    const loader = loaders[name]
    const split = DATA[name]
    if (loader === undefined || !loader.info.labelled) continue
    if (split.TRANSFORMS.some((transform) => LABELLING.has(transform.name))) continue
    const found = loader.labelOutside(classes, params.ignore_index ?? -1)
    if (found === undefined) continue
    const files = split.LABEL_PATHS[found.source]
    const where =
      split.LABEL_SOURCES[found.source] === 'disk_filelist' && files !== undefined
        ? `LABEL_PATHS[${found.source}] (${String(files)})`
        : `LABEL_SOURCES[${found.source}]`
    throw new VisslError(
      ExitCode.data,
      `DATA.${name}.${where}: the label of ${found.name} is ${found.label}, and the model has outputs for the ` +
        `classes 0 to ${classes - 1}`,
      found.label >= classes
        ? `give the last head more outputs than ${found.label}, or correct the labels`
        : `correct the labels, or leave that one out with config.LOSS.${LOSS.name}.ignore_index=${found.label}`,
    )
  }
}
