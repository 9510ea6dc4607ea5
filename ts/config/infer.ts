import { ExitCode, VisslError } from '../errors.ts'
import { Facts, worldOf } from './facts.ts'
import { inferLoss } from './infer-loss.ts'
import { scaleLearningRates } from './infer-lr.ts'
import { inferSharding } from './infer-sharding.ts'
import { defaultTree } from './listed.ts'
import type { Origins } from './origins.ts'
import { fillIn } from './removed.ts'
import type { Config } from './schema/index.ts'
import { copy, type Tree, type Value } from './tree.ts'

/** Settings of {@link inferConfig}. */
export interface InferOptions {
  /** Gets the rule of every value that is filled in. */
  readonly origins?: Origins
}

/**
 * Fills in what follows from other keys, as VISSL does after composing: sizes of losses, scaled learning rates,
 * meters, label types. Then puts defaults where an override removed something that no rule needs. Pure: the given
 * configuration stays as it is, and no file is touched.
 *
 * @throws VisslError (usage) when a rule cannot be applied
 */
export function inferConfig(config: Config, { origins }: InferOptions = {}): Config {
  const inferred = infer(config as unknown as Tree, origins)
  fillIn(inferred, defaultTree().config as Tree)
  return inferred as unknown as Config
}

/** {@link inferConfig} on a block `config` that need not be valid where no rule reads it. */
export function infer(config: Tree, origins?: Origins): Tree {
  const result = copy(config) as Tree
  const facts = new Facts(result, origins)
  inferLoss(facts)
  scaleLearningRates(facts)
  checkTransformTypes(facts)
  inferMeters(facts)
  inferDummyHead(facts)
  for (const split of ['TRAIN', 'TEST']) inferLabelType(facts, split)
  inferSharding(facts)
  return result
}

function checkTransformTypes(facts: Facts): void {
  for (const split of ['TRAIN', 'TEST']) {
    const steps = facts.get(`DATA.${split}.TRANSFORMS`)
    for (const [i, step] of (Array.isArray(steps) ? steps : []).entries()) {
      const type = (step as Tree | null)?.transform_type ?? null
      if (type === null || type === 'augly') continue
      throw new VisslError(
        ExitCode.usage,
        `config.DATA.${split}.TRANSFORMS.${i}: transform_type is ${JSON.stringify(type)}`,
        'leave transform_type out',
      )
    }
  }
}

/** Meters that have one part for each evaluated layer. */
const LAYERED = [
  'accuracy_list_meter',
  'mean_ap_list_meter',
  'precision_at_k_list_meter',
  'recall_at_k_list_meter',
]

function inferMeters(facts: Facts): void {
  const block = facts.get('METERS')
  if (block === null || block === undefined) return
  const names = meterNames(facts)
  if (!isFeatureExtractor(facts)) return
  const layers = facts
    .list('MODEL.FEATURE_EVAL_SETTINGS.LINEAR_EVAL_FEAT_POOL_OPS_MAP')
    .map((entry) => (Array.isArray(entry) ? (entry[0] ?? null) : null))
  for (const name of names) {
    if (!LAYERED.includes(name)) continue
    put(
      facts,
      `METERS.${name}`,
      { num_meters: layers.length, meter_names: layers },
      'one for each evaluated layer',
    )
  }
}

/** Names of all meters: `names`, as VISSL 0.1.6 has it, and `name`. */
function meterNames(facts: Facts): string[] {
  const name = facts.get('METERS.name')
  const names = facts.get('METERS.names')
  const single = typeof name === 'string' && name !== '' ? [name] : []
  if (!Array.isArray(names)) return single
  const all = [...new Set([...names.map(String), ...single])]
  facts.put('METERS.names', all, 'METERS.name is one of METERS.names')
  return all
}

/** Puts some keys of a block; the others stay. */
function put(facts: Facts, path: string, values: Readonly<Record<string, Value>>, rule: string): void {
  for (const [key, value] of Object.entries(values)) facts.put(`${path}.${key}`, value, rule)
}

/** Whether the model gives features of a frozen trunk to linear classifiers. */
function isFeatureExtractor(facts: Facts): boolean {
  const settings = 'MODEL.FEATURE_EVAL_SETTINGS'
  return (
    facts.flag(`${settings}.EVAL_MODE_ON`) &&
    facts.flag(`${settings}.FREEZE_TRUNK_ONLY`) &&
    facts.flag(`${settings}.LINEAR_EVAL_FEAT_POOL_OPS_MAP`)
  )
}

function inferDummyHead(facts: Facts): void {
  const settings = 'MODEL.FEATURE_EVAL_SETTINGS'
  const isExtraction =
    facts.flag(`${settings}.EVAL_MODE_ON`) &&
    facts.flag(`${settings}.FREEZE_TRUNK_ONLY`) &&
    facts.flag(`${settings}.EXTRACT_TRUNK_FEATURES_ONLY`)
  if (!isExtraction || worldOf(facts) <= 1 || facts.flag('MODEL.HEAD.PARAMS')) return
  facts.put(
    'MODEL.HEAD.PARAMS',
    [['mlp', { dims: [2048, 1000] }]],
    'several processes need trainable parameters',
  )
}

function inferLabelType(facts: Facts, split: string): void {
  if (facts.flag(`DATA.${split}.LABEL_SOURCES`) || facts.get(`DATA.${split}.LABEL_TYPE`) === 'zero') return
  facts.put(`DATA.${split}.LABEL_TYPE`, 'sample_index', 'no LABEL_SOURCES: labels are sample indices')
}
