import { z } from 'zod'
import type { Tensor } from '../engine/index.ts'
import { didYouMean, ExitCode, VisslError } from '../errors.ts'
import {
  AdaptiveAvgPool2d,
  AdaptiveMaxPool2d,
  AvgPool2d,
  Identity,
  MaxPool2d,
  type TensorModule,
} from '../nn/index.ts'
import type { ModelParams } from './params.ts'
import { type FeatureBlock, type FeaturePlan, Trunk } from './trunk.ts'

/** A layer and how its output is pooled: `['res5', ['AvgPool2d', [[6, 6], 1, 0]]]`. */
export type PoolEntry = ModelParams['FEATURE_EVAL_SETTINGS']['LINEAR_EVAL_FEAT_POOL_OPS_MAP'][number]

const size = z.union([z.int().min(1), z.tuple([z.int().min(1), z.int().min(1)])])
const margin = z.union([z.int().min(0), z.tuple([z.int().min(0), z.int().min(0)])])
const window = z.union([z.tuple([size]), z.tuple([size, size]), z.tuple([size, size, margin])])
const output = z.tuple([size])

/** Pooling operations by name, built from their arguments in PyTorch's order. */
const pools: Readonly<Record<string, { usage: string; build(args: unknown): TensorModule }>> = {
  AvgPool2d: {
    usage: '[kernel, stride, padding]',
    build: (args) => {
      const [kernel, stride, padding] = window.parse(args)
      return new AvgPool2d(kernel, { stride, padding })
    },
  },
  MaxPool2d: {
    usage: '[kernel, stride, padding]',
    build: (args) => {
      const [kernel, stride, padding] = window.parse(args)
      return new MaxPool2d(kernel, { stride, padding })
    },
  },
  AdaptiveAvgPool2d: {
    usage: '[output size]',
    build: (args) => new AdaptiveAvgPool2d(output.parse(args)[0]),
  },
  AdaptiveMaxPool2d: {
    usage: '[output size]',
    build: (args) => new AdaptiveMaxPool2d(output.parse(args)[0]),
  },
  Identity: { usage: '[]', build: () => new Identity() },
}

/**
 * A trunk that is evaluated, not trained: frozen, always in evaluation mode, with the output of each chosen layer
 * pooled and, if asked for, flattened.
 */
export class FeatureExtractor extends Trunk {
  readonly base_model: Trunk
  override readonly outChannels: number
  readonly #layers: readonly string[]
  readonly #pools: readonly TensorModule[]
  readonly #flatten: boolean

  /** @throws VisslError for unknown layers and operations, and for layers that are not in the order they come out */
  constructor(trunk: Trunk, entries: readonly PoolEntry[], flatten: boolean) {
    super()
    this.base_model = trunk.requiresGrad_(false)
    this.outChannels = trunk.outChannels
    this.#layers = entries.map(([layer]) => layer)
    this.#pools = entries.map(buildPool)
    this.#flatten = flatten
    this.#requireOrder()
    this.train()
  }

  override featureBlocks(): FeatureBlock[] {
    return this.base_model.featureBlocks()
  }

  override features(): Readonly<Record<string, string>> {
    return this.base_model.features()
  }

  override get featureOrder(): 'network' | 'request' {
    return this.base_model.featureOrder
  }

  override prepare(images: Tensor): Tensor {
    return this.base_model.prepare(images)
  }

  override plan(features: readonly string[]): FeaturePlan {
    return this.base_model.plan(features)
  }

  /** The layers of the pooling map, in its order. */
  get layers(): readonly string[] {
    return this.#layers
  }

  /** The base model stays in evaluation mode, so that running statistics never move. */
  override train(training = true): this {
    super.train(training)
    this.base_model.eval()
    return this
  }

  /** @param features must be the layers of the pooling map, as they are when not given */
  override forward(input: Tensor, features: readonly string[] = this.#layers): Tensor[] {
    const names = features.length === 0 ? this.#layers : features
    if (names.length !== this.#pools.length) {
      throw new VisslError(
        ExitCode.usage,
        `${names.length} features and ${this.#pools.length} pooling operations do not pair`,
        `ask for the layers of LINEAR_EVAL_FEAT_POOL_OPS_MAP: ${this.#layers.join(', ')}`,
      )
    }
    return this.base_model.call(input, names).map((feature, i) => this.#pool(feature, i))
  }

  #pool(feature: Tensor, i: number): Tensor {
    let pooled: Tensor
    try {
      pooled = this.#pools[i]!.call(feature)
    } catch (error) {
      throw new VisslError(
        ExitCode.usage,
        `the pooling operation of ${this.#layers[i]} cannot take ${feature.shape.join('×')}: ${(error as Error).message}`,
        'change it in config.MODEL.FEATURE_EVAL_SETTINGS.LINEAR_EVAL_FEAT_POOL_OPS_MAP',
        { cause: error },
      )
    }
    return this.#flatten ? pooled.flatten(1) : pooled
  }

  #requireOrder(): void {
    const blocks = this.#layers.map((layer) => this.plan([layer]).blocks[0])
    const returned = this.plan(this.#layers).blocks
    if (returned.every((block, i) => block === blocks[i])) return
    const layers = returned.map((block) => this.#layers[blocks.indexOf(block)])
    throw new VisslError(
      ExitCode.usage,
      `LINEAR_EVAL_FEAT_POOL_OPS_MAP lists ${this.#layers.join(', ')}, but the trunk gives them in another order, ` +
        'so that features and pooling operations do not pair',
      `list them as ${layers.join(', ')}`,
    )
  }
}

function buildPool([layer, [name, args]]: PoolEntry): TensorModule {
  const pool = typeof name === 'string' && Object.hasOwn(pools, name) ? pools[name] : undefined
  if (pool === undefined) {
    const near = didYouMean(String(name), Object.keys(pools))
    throw new VisslError(
      ExitCode.usage,
      `there is no pooling operation ${JSON.stringify(name)} for ${layer}` +
        (near.length > 0 ? `; did you mean ${near.join(' or ')}?` : ''),
      `known: ${Object.keys(pools).join(', ')}`,
    )
  }
  try {
    return pool.build(args ?? [])
  } catch (error) {
    throw new VisslError(
      ExitCode.usage,
      `${JSON.stringify(args)} are no arguments of the pooling operation ${name} of ${layer}`,
      `it takes ${pool.usage}`,
      { cause: error },
    )
  }
}
