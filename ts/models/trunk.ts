import type { z } from 'zod'
import { type Tensor, TorchError, TorchValueError } from '../engine/index.ts'
import { didYouMean, ExitCode, VisslError } from '../errors.ts'
import { Module, type Sequential, type TensorModule } from '../nn/index.ts'
import { Registry } from '../registry.ts'
import type { ModelParams } from './params.ts'

/** A part of a trunk whose output is a feature. */
export type FeatureBlock = readonly [name: string, module: TensorModule]

/**
 * The part of a model that turns images into features: blocks run one after another, each of whose outputs can be
 * asked for by name.
 *
 * Subclasses give `static key` (the name in `MODEL.TRUNK.NAME`), `static params` (a zod schema of the block
 * `MODEL.TRUNK.TRUNK_PARAMS.<section>`) and, where the block's name differs from the key, `static section`. Most have
 * a field `_feature_blocks` and need nothing else; its name begins the names in the state dictionary.
 */
export abstract class Trunk extends Module {
  /** Length of the feature vector that the trunk gives when no feature is asked for by name. */
  abstract readonly outChannels: number
  declare readonly _feature_blocks?: Sequential
  #plans: Map<string, FeaturePlan> | undefined

  /**
   * The blocks in the order they run. What runs a trunk in segments, such as activation checkpointing, feeds the
   * first with {@link prepare}'s result and each other with the output of the one before.
   */
  featureBlocks(): FeatureBlock[] {
    if (this._feature_blocks === undefined) {
      throw new VisslError(
        ExitCode.internal,
        `the trunk ${this.constructor.name} has no field _feature_blocks and no method featureBlocks`,
        'give it one of them',
      )
    }
    return [...this._feature_blocks.namedChildren()] as FeatureBlock[]
  }

  /** Names of the features, each with the block whose output it is; every block under its own name unless overridden. */
  features(): Readonly<Record<string, string>> {
    return Object.fromEntries(this.featureBlocks().map(([name]) => [name, name]))
  }

  /** Whether distinct features come in the network's order or in the order asked for. */
  get featureOrder(): 'network' | 'request' {
    return 'network'
  }

  /** What the first block is given. N×3×H×W images unless overridden. */
  prepare(images: Tensor): Tensor {
    return images
  }

  /**
   * Which blocks to run for these features, and in what order their outputs are returned.
   *
   * @throws VisslError that lists the features when a name is unknown
   */
  plan(features: readonly string[]): FeaturePlan {
    this.#plans ??= new Map()
    const key = features.join('\n')
    const known = this.#plans.get(key)
    if (known !== undefined) return known
    const order = this.featureBlocks().map(([name]) => name)
    const plan = planFeatures(order, this.features(), features, this.featureOrder)
    this.#plans.set(key, plan)
    return plan
  }

  /**
   * @param input N×C×H×W images
   * @param features names of the features wanted; none: the output of the last block alone
   * @returns distinct names in the order that {@link featureOrder} says, repeated names in the order asked for
   */
  override forward(input: Tensor, features: readonly string[] = []): Tensor[] {
    return runBlocks(this.featureBlocks(), this.prepare(input), this.plan(features))
  }
}

/** A registrable trunk. Its constructor is given what its own schema makes of the parameters. */
export interface TrunkClass {
  readonly key: string
  readonly params: z.ZodType
  /** Block of `TRUNK_PARAMS` that holds the parameters; `key` unless given. */
  readonly section?: string
  new (params: never, model: ModelParams): Trunk
}

/** Trunks by the name in `MODEL.TRUNK.NAME`. */
export const trunks = new Registry<TrunkClass>('trunk')

/** Which blocks of a trunk to run and what to keep. */
export interface FeaturePlan {
  /** Number of blocks up to the deepest one wanted. */
  readonly depth: number
  /** Names of the blocks whose output is returned, in the order of the result. */
  readonly blocks: readonly string[]
}

/**
 * Resolves feature names.
 *
 * @param order names of all blocks, first to last
 * @param aliases feature name → block name
 * @param sequence how distinct names are returned; repeated ones come in the order asked for
 * @throws VisslError that lists the features when a name is unknown
 */
export function planFeatures(
  order: readonly string[],
  aliases: Readonly<Record<string, string>>,
  features: readonly string[],
  sequence: 'network' | 'request' = 'network',
): FeaturePlan {
  if (features.length === 0) return { depth: order.length, blocks: order.slice(-1) }
  const blocks = features.map((feature) => {
    const block = Object.hasOwn(aliases, feature) ? aliases[feature] : undefined
    if (block !== undefined) return block
    const known = Object.keys(aliases)
    const near = didYouMean(feature, known)
    throw new VisslError(
      ExitCode.usage,
      `the trunk has no feature "${feature}"${near.length > 0 ? `; did you mean ${near.join(' or ')}?` : ''}`,
      `its features: ${known.join(', ')}`,
    )
  })
  const depth = Math.max(...blocks.map((block) => order.indexOf(block))) + 1
  const sorted = sequence === 'network' && new Set(blocks).size === blocks.length
  return { depth, blocks: sorted ? order.filter((block) => blocks.includes(block)) : blocks }
}

/**
 * Runs blocks as far as the plan needs, freeing what is not returned as soon as it has been used.
 *
 * @throws VisslError that names the block whose input does not fit, as too small images do
 */
export function runBlocks(blocks: readonly FeatureBlock[], input: Tensor, plan: FeaturePlan): Tensor[] {
  const kept = new Map<string, Tensor>()
  let x = input
  let ours = false
  for (const [name, block] of blocks.slice(0, plan.depth)) {
    const next = runBlock(name, block, x, input)
    if (next !== x) {
      if (ours) x.free()
      ours = true
    }
    if (plan.blocks.includes(name)) {
      kept.set(name, next)
      ours = false
    } else if (block.hooked) ours = false
    x = next
  }
  return plan.blocks.map((name) => kept.get(name)!)
}

function runBlock(name: string, block: TensorModule, x: Tensor, images: Tensor): Tensor {
  try {
    return block.call(x)
  } catch (error) {
    const shape = error instanceof TorchValueError || (error as Error)?.constructor === TorchError
    if (!shape && !(error instanceof VisslError && error.exitCode === ExitCode.usage)) throw error
    const { message, fix } = error as VisslError
    throw new VisslError(
      ExitCode.usage,
      `block "${name}" of the trunk cannot take images of ${images.shape.join('×')}: ${message}`,
      fix ?? 'check the size and the channels of the images; larger images may be needed',
      { cause: error },
    )
  }
}
