import { noGrad, recompute, scope, Tensor, TorchError } from '../engine/index.ts'
import { ExitCode, VisslError } from '../errors.ts'
import {
  BatchNorm,
  type Module,
  newTensor,
  onDevice,
  ReLU,
  Sequential,
  type TensorModule,
} from '../nn/index.ts'

type NamedBlock = readonly [name: string, module: TensorModule]

/** A network that is a row of named blocks, as trunks are. */
export interface BlockNetwork extends Module {
  /** The blocks in the order they run. */
  featureBlocks(): readonly NamedBlock[]
  /** What the first block is given. */
  prepare(images: Tensor): Tensor
  /** How many blocks run for these features, and whose outputs are returned in what order. */
  plan(features: readonly string[]): { readonly depth: number; readonly blocks: readonly string[] }
  forward(input: Tensor, features?: readonly string[]): Tensor[]
}

/** Blocks that are run together; only the segment's input is kept for backward. */
export interface Segment {
  /** The block whose output is returned; undefined where a segment was only cut off to save memory. */
  readonly name: string | undefined
  readonly modules: readonly TensorModule[]
}

/** Stages, whose blocks may end in different segments. */
const STAGE = /^(?:res|layer)\d+$/

/**
 * Has a network keep only the inputs of a few segments for backward, which computes everything else a second time
 * (see `recompute`): less memory for about a third more time. Gradients, running statistics and random numbers are
 * those of a plain run; in evaluation nothing changes.
 *
 * Segments end at the requested features. Until there are `splits`, the one with the largest intermediate results is
 * cut in half. All but the last are computed again.
 *
 * @param splits number of segments wanted (`NUM_ACTIVATION_CHECKPOINTING_SPLITS`), at least 1
 * @returns undoes it
 * @throws VisslError for another number of splits
 */
export function checkpointActivations(network: BlockNetwork, splits: number): () => void {
  if (!Number.isInteger(splits) || splits < 1) {
    throw new VisslError(
      ExitCode.usage,
      `NUM_ACTIVATION_CHECKPOINTING_SPLITS is ${splits}`,
      'give a whole number of at least 1',
    )
  }
  // Nothing in it is trained, so that nothing would be kept.
  if (!network.parameters().some((parameter) => parameter.requiresGrad)) return () => {}
  const plain = network.forward
  const plans = new Map<string, Segment[]>()
  network.forward = (input, features = []) => {
    if (!network.training) return plain.call(network, input, features)
    const { depth, blocks } = network.plan(features)
    const first = network.prepare(input)
    const key = features.join('\n')
    let segments = plans.get(key)
    if (segments === undefined) {
      const run = network.featureBlocks().slice(0, depth)
      segments = splitIntoSegments(run, blocks, splits, activationSizes(run, first.shape))
      plans.set(key, segments)
    }
    const outputs = runSegments(segments, first)
    return blocks.map((name) => outputs.get(name)!)
  }
  return () => {
    network.forward = plain
  }
}

/**
 * Cuts a row of blocks into segments, never before a ReLU, which would overwrite a kept input.
 *
 * @param wanted names of blocks whose outputs are returned; the last block is one of them
 * @param splits how many segments there should be; fewer where there is nothing left to cut
 * @param sizes what each module adds to a segment's size; 1 unless given
 */
export function splitIntoSegments(
  blocks: readonly NamedBlock[],
  wanted: readonly string[],
  splits: number,
  sizes: ReadonlyMap<Module, number> = new Map(),
): Segment[] {
  const sizeOf = (modules: readonly TensorModule[]) =>
    modules.reduce((sum, module) => sum + (sizes.get(module) ?? 1), 0)
  const segments: { name: string | undefined; modules: TensorModule[] }[] = []
  let modules: TensorModule[] = []
  for (const [name, block] of blocks) {
    modules.push(...opened(name, block))
    if (!wanted.includes(name)) continue
    segments.push({ name, modules })
    modules = []
  }
  while (segments.length < splits) {
    const cuttable = segments.filter(({ modules }) => cuts(modules).length > 0)
    if (cuttable.length === 0) break
    const largest = Math.max(...cuttable.map(({ modules }) => sizeOf(modules)))
    const chosen = cuttable.find(({ modules }) => sizeOf(modules) === largest)!
    const larger = (cut: number) =>
      Math.max(sizeOf(chosen.modules.slice(0, cut)), sizeOf(chosen.modules.slice(cut)))
    const cut = cuts(chosen.modules).reduce((best, cut) => (larger(cut) < larger(best) ? cut : best))
    const head = chosen.modules.splice(0, cut)
    segments.splice(segments.indexOf(chosen), 0, { name: undefined, modules: head })
  }
  return segments
}

/** The blocks of a stage, or the block itself. */
function opened(name: string, block: TensorModule): TensorModule[] {
  return STAGE.test(name) && block instanceof Sequential ? [...block] : [block]
}

/** Places where a segment may be cut in two. */
function cuts(modules: readonly TensorModule[]): number[] {
  return modules.flatMap((module, i) => (i === 0 || module instanceof ReLU ? [] : [i]))
}

/**
 * How many elements the intermediate results of each module have, its children's included; found by following shapes
 * through the network without computing anything. Empty where the network cannot be followed.
 */
function activationSizes(blocks: readonly NamedBlock[], shape: readonly number[]): Map<Module, number> {
  const sizes = new Map<Module, number>()
  const undo: (() => void)[] = []
  const modules = blocks.flatMap(([name, block]) => opened(name, block))
  for (const module of modules) {
    for (const [, each] of module.namedModules()) {
      const isLeaf = each.namedChildren().next().done === true
      // Activations such as ReLU keep what their input is, or write over it.
      if (!isLeaf || each instanceof ReLU) continue
      const hook = (_: Module, __: readonly unknown[], output: unknown) => {
        if (output instanceof Tensor) sizes.set(module, (sizes.get(module) ?? 0) + output.numel)
      }
      undo.push(each.registerForwardHook(hook))
    }
  }
  try {
    onDevice('meta', () =>
      noGrad(() =>
        scope(() => {
          let x = newTensor(shape)
          for (const [, block] of blocks) x = block.call(x)
        }),
      ),
    )
  } catch (error) {
    if (!(error instanceof TorchError)) throw error
    sizes.clear()
  } finally {
    for (const remove of undo) remove()
  }
  return sizes
}

/** Runs the segments, all but the last without recording; gives the outputs of those that have a name. */
function runSegments(segments: readonly Segment[], input: Tensor): Map<string, Tensor> {
  const outputs = new Map<string, Tensor>()
  let x = input
  for (const [i, { name, modules }] of segments.entries()) {
    const segment = new Sequential(modules)
    const run = (start: Tensor) => segment.call(start)
    if (i === segments.length - 1) x = run(x)
    else {
      const trainable = segment.parameters().some((param) => param.requiresGrad)
      x = recompute(run, x, { trainable, again: (work) => withoutTracking(segment, work) })
    }
    if (name !== undefined) outputs.set(name, x)
  }
  return outputs
}

/** Leaves running statistics alone: the first computation has moved them. */
function withoutTracking<T>(segment: Module, work: () => T): T {
  const norms: BatchNorm[] = []
  for (const [, module] of segment.namedModules()) {
    if (module instanceof BatchNorm && module.tracksStatistics) norms.push(module)
  }
  for (const norm of norms) norm.tracksStatistics = false
  try {
    return work()
  } finally {
    for (const norm of norms) norm.tracksStatistics = true
  }
}
