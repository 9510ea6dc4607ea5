import { recompute, type Tensor } from '../engine/index.ts'
import { ExitCode, VisslError } from '../errors.ts'
import { BatchNorm, type Module, ReLU, Sequential, type TensorModule } from '../nn/index.ts'

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
 * Segments end at the requested features. Until there are `splits`, the longest is cut in half, never before a ReLU
 * that would overwrite a kept input. All but the last are computed again.
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
  const plain = network.forward
  network.forward = (input, features = []) => {
    if (!network.training) return plain.call(network, input, features)
    const { depth, blocks } = network.plan(features)
    const segments = splitIntoSegments(network.featureBlocks().slice(0, depth), blocks, splits)
    const outputs = runSegments(segments, network.prepare(input))
    return blocks.map((name) => outputs.get(name)!)
  }
  return () => {
    network.forward = plain
  }
}

/**
 * Cuts a row of blocks into segments.
 *
 * @param wanted names of blocks whose outputs are returned; the last block is one of them
 * @param splits how many segments there should be; fewer where there is nothing left to cut
 */
export function splitIntoSegments(
  blocks: readonly NamedBlock[],
  wanted: readonly string[],
  splits: number,
): Segment[] {
  const segments: { name: string | undefined; modules: TensorModule[] }[] = []
  let modules: TensorModule[] = []
  for (const [name, block] of blocks) {
    modules.push(...(STAGE.test(name) && block instanceof Sequential ? block : [block]))
    if (!wanted.includes(name)) continue
    segments.push({ name, modules })
    modules = []
  }
  while (segments.length < splits) {
    const longest = Math.max(...segments.map(({ modules }) => modules.length))
    const cuttable = segments.filter(({ modules }) => modules.length === longest)
    const chosen = cuttable.find(({ modules }) => cutOf(modules) !== undefined)
    if (chosen === undefined) break
    const cut = cutOf(chosen.modules)!
    const head = chosen.modules.splice(0, cut)
    segments.splice(segments.indexOf(chosen), 0, { name: undefined, modules: head })
  }
  return segments
}

/** Where to cut in two: the middle, or beside it where a ReLU would write over its input there. */
function cutOf(modules: readonly TensorModule[]): number | undefined {
  if (modules.length < 2) return undefined
  let cut = Math.floor(modules.length / 2)
  if (modules[cut] instanceof ReLU) cut += cut === modules.length - 1 ? -1 : 1
  return cut === 0 ? undefined : cut
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
