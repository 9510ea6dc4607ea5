import type { z } from 'zod'
import type { Tensor } from '../engine/index.ts'
import { didYouMean, ExitCode, VisslError } from '../errors.ts'
import { Module, type Sequential } from '../nn/index.ts'
import { Registry } from '../registry.ts'
import type { ModelParams } from './params.ts'

/**
 * The part of a model that turns images into features.
 *
 * Subclasses give `static key` (the name in `MODEL.TRUNK.NAME`), `static params` (a zod schema of the block
 * `MODEL.TRUNK.TRUNK_PARAMS.<section>`) and, where the block's name differs from the key, `static section`.
 */
export abstract class Trunk extends Module {
  /** Length of the feature vector that the trunk gives when no feature is asked for by name. */
  abstract readonly outChannels: number

  /**
   * @param input N×C×H×W images
   * @param features names of the features wanted; none: the output of the last block alone
   * @returns distinct names in the network's order, repeated names in the order asked for
   */
  abstract override forward(input: Tensor, features?: readonly string[]): Tensor[]
}

/** A registrable trunk. */
export interface TrunkClass {
  readonly key: string
  readonly params: z.ZodType
  /** Block of `TRUNK_PARAMS` that holds the parameters; `key` unless given. */
  readonly section?: string
  // biome-ignore lint/suspicious/noExplicitAny: each trunk takes the output of its own schema, checked before
  new (params: any, model: ModelParams): Trunk
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
 * Resolves feature names: distinct names come in the network's order, repeated ones in the order asked for.
 *
 * @param order names of all blocks, first to last
 * @param aliases feature name → block name
 * @throws VisslError that lists the features when a name is unknown
 */
export function planFeatures(
  order: readonly string[],
  aliases: Readonly<Record<string, string>>,
  features: readonly string[],
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
  const distinct = new Set(blocks).size === blocks.length
  return { depth, blocks: distinct ? order.filter((block) => blocks.includes(block)) : blocks }
}

/** Runs a trunk's blocks as far as the plan needs, freeing what is not returned as soon as it has been used. */
export function runBlocks(blocks: Sequential, input: Tensor, plan: FeaturePlan): Tensor[] {
  const kept = new Map<string, Tensor>()
  const order = [...blocks.namedChildren()]
  let x = input
  let ours = false
  for (let i = 0; i < plan.depth; i++) {
    const [name, block] = order[i]!
    const next: Tensor = (block as Module & { forward(input: Tensor): Tensor }).call(x)
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
