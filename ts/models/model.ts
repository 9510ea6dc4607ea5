import { ops, Tensor } from '../engine/index.ts'
import { ExitCode, VisslError } from '../errors.ts'
import {
  compareStates,
  type LoadReport,
  Module,
  ModuleList,
  parseParams,
  type StateDict,
} from '../nn/index.ts'
import { FeatureExtractor } from './feature-extractor.ts'
import { type Head, type HeadInput, heads } from './head.ts'
import { HeadChain, runChain } from './heads/chain.ts'
import { type ModelInput, type ModelParams, modelParams } from './params.ts'
import { type Trunk, trunks } from './trunk.ts'

/** One tensor of images, the crops of a multi-crop batch, or a map of inputs by key. */
export type ModelBatch = Tensor | readonly Tensor[] | Readonly<Record<string, Tensor>>

/** A model's state as checkpoints hold it. */
export interface SplitState {
  /** Keys such as `_feature_blocks.conv1.weight`. */
  readonly trunk: StateDict
  /** Keys such as `0.clf.0.weight`. */
  readonly heads: StateDict
}

/** A trunk and its heads. Full parameter names begin with `trunk.` and `heads.<i>.`. */
export class SslModel extends Module {
  readonly trunk: Trunk
  readonly heads: ModuleList<Head>
  /** The configuration the model was built from, defaults filled in. */
  readonly config: ModelParams
  readonly #order: Map<string, readonly [features: readonly string[], head: Head]>

  /** @throws VisslError for unknown names and parameters that do not fit */
  constructor(config: ModelInput) {
    super()
    this.config = parseParams('the model', modelParams, config)
    this.trunk = buildTrunk(this.config)
    this.heads = new ModuleList(buildHeads(this.config))
    this.#order = new Map()
    const mapping = this.config.MULTI_INPUT_HEAD_MAPPING
    if (mapping.length > 0 && mapping.length !== this.heads.length) {
      throw new VisslError(
        ExitCode.usage,
        `MULTI_INPUT_HEAD_MAPPING has ${mapping.length} entries for ${this.heads.length} heads`,
        'give one entry for each head',
      )
    }
    for (const [i, [key, features]] of mapping.entries()) {
      if (this.#order.has(key)) {
        throw new VisslError(ExitCode.usage, `MULTI_INPUT_HEAD_MAPPING names the input "${key}" twice`)
      }
      this.#order.set(key, [features, this.heads.at(i)!])
    }
    this.#freeze()
  }

  /**
   * Runs trunk and heads.
   *
   * A list is a multi-crop batch: consecutive crops of equal width go through the trunk together. With one feature
   * and several heads the heads form a chain.
   *
   * @param features trunk features wanted by name; none: the output of the last block
   * @returns the heads' outputs; the trunk's features where there is no head to run
   */
  override forward(batch: ModelBatch, features: readonly string[] = []): Tensor[] {
    if (batch instanceof Tensor) {
      return this.#heads(this.trunk.call(batch, features), this.extractsFeatures)
    }
    if (isList(batch)) return this.#heads([this.#multiCrop(batch, features)], false)
    return this.#multiInput(batch)
  }

  /** Whether the configuration asks for trunk features instead of head outputs. */
  get extractsFeatures(): boolean {
    const settings = this.config.FEATURE_EVAL_SETTINGS
    return settings.EVAL_MODE_ON && settings.EXTRACT_TRUNK_FEATURES_ONLY
  }

  #heads(features: Tensor[], featuresOnly: boolean): Tensor[] {
    if (featuresOnly || this.heads.length === 0) return features
    if (features.length === this.heads.length) {
      return features.flatMap((feature, i) => this.heads.at(i)!.call(feature))
    }
    if (features.length === 1) return [runChain(this.heads, features[0]!)].flat()
    throw new VisslError(
      ExitCode.usage,
      `${features.length} features and ${this.heads.length} heads do not go together`,
      'give each feature a head, or have the trunk return one feature',
    )
  }

  #multiCrop(crops: readonly Tensor[], names: readonly string[]): Tensor {
    if (crops.length === 0) throw new VisslError(ExitCode.usage, 'a multi-crop batch needs at least one crop')
    const outputs: Tensor[] = []
    for (const group of groupCrops(crops, this.config.SINGLE_PASS_EVERY_CROP)) {
      const features = this.trunk.call(group.length === 1 ? group[0]! : ops.cat(group, 0), names)
      if (features.length !== 1) {
        throw new VisslError(
          ExitCode.usage,
          `multi-crop batches need one trunk feature, got ${features.length}`,
        )
      }
      outputs.push(features[0]!)
    }
    return outputs.length === 1 ? outputs[0]! : ops.cat(outputs, 0)
  }

  #multiInput(batch: Readonly<Record<string, Tensor>>): Tensor[] {
    if (this.#order.size === 0) {
      throw new VisslError(
        ExitCode.usage,
        'the batch is a map of inputs, and MODEL.MULTI_INPUT_HEAD_MAPPING is empty',
        'say which input goes to which head',
      )
    }
    return Array.from(this.#order, ([key, [features, head]]) => {
      const input = batch[key]
      if (input === undefined) {
        throw new VisslError(
          ExitCode.usage,
          `the batch has no input "${key}"`,
          `it has: ${Object.keys(batch).join(', ')}`,
        )
      }
      const outputs = this.trunk.call(input, features)
      return head.call(outputs.length === 1 ? outputs[0]! : (outputs as HeadInput))
    }).flat()
  }

  #freeze(): void {
    const settings = this.config.FEATURE_EVAL_SETTINGS
    if (settings.EVAL_MODE_ON) {
      if (settings.FREEZE_TRUNK_ONLY) this.trunk.requiresGrad_(false)
      else if (settings.FREEZE_TRUNK_AND_HEAD) this.requiresGrad_(false)
    }
    const names = new Set(this.config.NON_TRAINABLE_PARAMS)
    if (names.size === 0) return
    for (const [name, parameter] of this.namedParameters())
      if (names.has(name)) parameter.requiresGrad = false
  }

  /** The state in the two parts that checkpoints hold; the tensors are the model's own. */
  splitState(): SplitState {
    return { trunk: this.trunk.stateDict(), heads: this.heads.stateDict() }
  }

  /**
   * Loads what {@link splitState} gave: the trunk must fit exactly, heads may have missing and extra names.
   *
   * @throws VisslError that lists what does not fit; the model is unchanged then
   */
  loadSplitState(state: SplitState): { trunk: LoadReport; heads: LoadReport } {
    const heads = compareStates(this.heads.stateDict(), state.heads)
    if (heads.mismatched.length > 0) this.heads.loadStateDict(state.heads, { strict: false })
    const trunk = this.trunk.loadStateDict(state.trunk)
    return { trunk, heads: this.heads.loadStateDict(state.heads, { strict: false }) }
  }
}

/**
 * Builds the trunk that `MODEL.TRUNK.NAME` asks for, wrapped where features are evaluated.
 *
 * @throws VisslError for unknown names and parameters that do not fit
 */
export function buildTrunk(config: ModelParams): Trunk {
  const { NAME, TRUNK_PARAMS, ...rest } = config.TRUNK
  const kind = trunks.get(NAME)
  const section = kind.section ?? kind.key
  const params = (TRUNK_PARAMS as Readonly<Record<string, unknown>>)[section] ?? rest[section]
  // What the class's own schema gives is what its constructor takes.
  const trunk = new kind(parseParams(`trunk "${NAME}"`, kind.params, params) as never, config)
  const settings = config.FEATURE_EVAL_SETTINGS
  const { LINEAR_EVAL_FEAT_POOL_OPS_MAP: pools, SHOULD_FLATTEN_FEATS: flatten } = settings
  const extracts = settings.EVAL_MODE_ON && settings.FREEZE_TRUNK_ONLY && pools.length > 0
  return extracts ? new FeatureExtractor(trunk, pools, flatten) : trunk
}

/** Builds the heads that `MODEL.HEAD.PARAMS` lists. */
export function buildHeads(config: ModelParams): Head[] {
  const build = ([name, params]: [string, Record<string, unknown>]) => {
    const kind = heads.get(name)
    return new kind(parseParams(`head "${name}"`, kind.params, params) as never, config)
  }
  return config.HEAD.PARAMS.map((entry) =>
    isSpec(entry) ? build(entry) : new HeadChain((entry as [string, Record<string, unknown>][]).map(build)),
  )
}

function isSpec(entry: readonly unknown[]): entry is [string, Record<string, unknown>] {
  return typeof entry[0] === 'string'
}

function isList(batch: ModelBatch): batch is readonly Tensor[] {
  return Array.isArray(batch)
}

function groupCrops(crops: readonly Tensor[], single: boolean): Tensor[][] {
  const groups: Tensor[][] = []
  let last: number | undefined
  for (const crop of crops) {
    const width = crop.shape.at(-1)
    if (single || groups.length === 0 || width !== last) groups.push([crop])
    else groups.at(-1)!.push(crop)
    last = width
  }
  return groups
}
