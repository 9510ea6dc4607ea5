import { noGrad, Parameter, scope, Tensor, TorchNotImplementedError } from '../engine/index.ts'
import { Module, newTensor, onDevice } from '../nn/index.ts'
import { FeatureExtractor } from './feature-extractor.ts'
import { type ModelBatch, SslModel } from './model.ts'
import type { ModelInput } from './params.ts'
import type { Trunk } from './trunk.ts'

/** The shape of a batch: of one tensor, of each crop, or of each input by its key. */
export type InputShapes =
  | readonly number[]
  | readonly (readonly number[])[]
  | Readonly<Record<string, readonly number[]>>

/** A layer as it ran. */
export interface LayerTrace {
  readonly name: string
  /** Its class. */
  readonly kind: string
  readonly output: readonly number[]
  readonly parameters: number
  readonly multiplyAdds: number
  /** Of outputs that are tensors of their own; 0 where a layer writes over its input. */
  readonly outputBytes: number
}

/** What a model does with a batch of some shape. */
export interface ModelTrace {
  /** Layers in the order they ran. */
  readonly layers: readonly LayerTrace[]
  /** Features of the trunk for the (first) input, by name. */
  readonly features: Readonly<Record<string, readonly number[]>>
  /** Length of the trunk's feature vector. */
  readonly outChannels: number
  readonly outputs: readonly (readonly number[])[]
  readonly parameters: number
  /** Those that are trained. */
  readonly trainable: number
  /** Of the trunk alone. */
  readonly trunkParameters: number
  readonly multiplyAdds: number
  /** Sum of `outputBytes` of all layers, in float32: roughly what training keeps for backward. */
  readonly activationBytes: number
}

/** How to follow a model. */
export interface TraceOptions {
  /** As in training, where batch normalisation needs more than one value a channel; false unless given. */
  readonly training?: boolean
}

/**
 * Follows a batch through a model without data: the model is built with shapes alone and nothing is computed, so that
 * it takes milliseconds for a network of any size. A trunk or head of one's own whose operators cannot work on shapes
 * is run on zeros instead.
 *
 * Also the way to find out before training whether images, trunk, features and heads fit.
 *
 * @param inputs N×C×H×W of the batch; a list for crops, a map for several inputs
 * @throws VisslError for what does not fit
 */
export function traceModel(config: ModelInput, inputs: InputShapes, options: TraceOptions = {}): ModelTrace {
  try {
    return onDevice('meta', () => trace(config, inputs, options))
  } catch (error) {
    if (!needsData(error)) throw error
    return trace(config, inputs, options)
  }
}

function needsData(error: unknown): boolean {
  if (error instanceof TorchNotImplementedError) return true
  const cause = (error as { cause?: unknown } | undefined)?.cause
  return cause !== undefined && needsData(cause)
}

function trace(config: ModelInput, inputs: InputShapes, options: TraceOptions): ModelTrace {
  return noGrad(() =>
    scope(() => {
      using model = new SslModel(config)
      model.train(options.training ?? false)
      const batch = batchOf(inputs)
      const trunk = model.trunk instanceof FeatureExtractor ? model.trunk.base_model : model.trunk
      const first = batch instanceof Tensor ? batch : Object.values(batch)[0]!
      const features = featureShapes(trunk, first)
      const layers: LayerTrace[] = []
      for (const [name, module] of model.namedModules()) {
        if (!isLayer(module)) continue
        module.registerForwardHook((_, given, output) => {
          layers.push(layerOf(name, module, given, output))
        })
      }
      const outputs = model.call(batch).map(({ shape }) => shape)
      const sizes = model.parameters().map(({ numel, requiresGrad }) => ({ numel, requiresGrad }))
      const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0)
      return {
        layers,
        features,
        outChannels: trunk.outChannels,
        outputs,
        parameters: sum(sizes.map(({ numel }) => numel)),
        trainable: sum(sizes.filter(({ requiresGrad }) => requiresGrad).map(({ numel }) => numel)),
        trunkParameters: sum(trunk.parameters().map(({ numel }) => numel)),
        multiplyAdds: sum(layers.map(({ multiplyAdds }) => multiplyAdds)),
        activationBytes: sum(layers.map(({ outputBytes }) => outputBytes)),
      }
    }),
  )
}

/** Whether the module does something of its own, rather than calling others. */
function isLayer(module: Module): boolean {
  const childless = module.namedChildren().next().done === true
  return childless || module.multiplyAdds !== Module.prototype.multiplyAdds
}

function layerOf(name: string, module: Module, inputs: readonly unknown[], output: unknown): LayerTrace {
  const tensors = [output].flat().filter((value) => value instanceof Tensor)
  const own = tensors.filter((value) => !inputs.includes(value))
  const parameters = Array.from(module.ownTensors(), ([, value]) => value)
    .filter((value) => value instanceof Parameter)
    .reduce((sum, { numel }) => sum + numel, 0)
  return {
    name,
    kind: module.constructor.name,
    output: tensors[0]?.shape ?? [],
    parameters,
    multiplyAdds: module.multiplyAdds(inputs, output),
    outputBytes: own.reduce((sum, { bytes }) => sum + bytes, 0),
  }
}

/** Every feature of a trunk, the network run once. */
function featureShapes(trunk: Trunk, images: Tensor): Record<string, number[]> {
  const names = Object.entries(trunk.features())
  const first = new Map(names.map(([name, block]) => [block, name]))
  const wanted = [...first.values()]
  const shapes = new Map<string, number[]>()
  const outputs = trunk.call(images, wanted)
  for (const [i, block] of trunk.plan(wanted).blocks.entries()) shapes.set(block, outputs[i]!.shape)
  return Object.fromEntries(names.map(([name, block]) => [name, shapes.get(block) ?? []]))
}

function batchOf(inputs: InputShapes): ModelBatch {
  const zeros = (shape: readonly number[]) => newTensor(shape, 0)
  if (!Array.isArray(inputs)) {
    return Object.fromEntries(Object.entries(inputs).map(([key, shape]) => [key, zeros(shape)]))
  }
  return typeof inputs[0] === 'number' ? zeros(inputs as number[]) : (inputs as number[][]).map(zeros)
}
