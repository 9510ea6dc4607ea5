import { ExitCode, VisslError } from '../errors.ts'
import { type AutocastState, autocastState, withAutocast } from './autocast.ts'
import { enableGrad, isGradEnabled, noGrad } from './autograd.ts'
import { checked, native } from './native.ts'
import { rngState, setRngState } from './runtime.ts'
import { inOutermostScope, scope } from './scope.ts'
import { extendBackward, type Tensor } from './tensor.ts'

/** Options of {@link recompute}. */
export interface RecomputeOptions {
  /** Whether something in the segment is trained; true unless given. */
  readonly trainable?: boolean
  /** Wraps the second computation, for what must not happen twice, such as moving running statistics. */
  readonly again?: (work: () => Tensor) => Tensor
}

/** A segment that was run without recording, and all that a second run needs. */
interface Pending {
  readonly segment: (input: Tensor) => Tensor
  readonly input: Tensor
  readonly output: Tensor
  readonly random: readonly Tensor[]
  readonly autocast: AutocastState
  readonly again: (work: () => Tensor) => Tensor
}

let pending: Pending[] = []
let recomputing = false

/**
 * Runs a part of a network without keeping its intermediate results; `backward` computes them a second time, with
 * the random numbers and the autocast state of the first (Chen et al. 2016, arXiv:1604.06174). Gradients equal those
 * of a plain run.
 *
 * The recorded graph ends at the result, and `Tensor.backward` (not `grad`) goes on from there: last segment first,
 * each gradient handed to the segment before. What it holds lives as long as the outermost scope. Where nothing is
 * recorded, or nothing in the segment needs a gradient, this is a plain call.
 *
 * @param segment must give the same result when called again, and write into neither its input nor its output
 * @param input a leaf (a batch, the result of another segment), or a tensor that is used nowhere else
 * @returns the segment's result, a leaf of the recorded graph
 */
export function recompute(
  segment: (input: Tensor) => Tensor,
  input: Tensor,
  { trainable = true, again = (work) => work() }: RecomputeOptions = {},
): Tensor {
  if (recomputing || !isGradEnabled() || !(trainable || input.requiresGrad)) return segment(input)
  const state = inOutermostScope(() => ({ random: randomState(input), input: sameTensor(input) }))
  const output = noGrad(() => scope(() => segment(input).detach()))
  output.requiresGrad = true
  pending = pending.filter(isAlive)
  pending.push({
    ...state,
    segment,
    again,
    autocast: autocastState(),
    output: inOutermostScope(() => sameTensor(output)),
  })
  return output
}

/** Whether a segment is being computed a second time; forward hooks that count or record leave out such calls. */
export const isRecomputing = (): boolean => recomputing

/** Another handle of the same tensor, with the same gradient: `to` gives back what it need not change. */
const sameTensor = (tensor: Tensor): Tensor => tensor.to(tensor.dtype)

/** False once the scope of its forward pass has ended without a backward. */
const isAlive = (entry: Pending): boolean => !entry.output.isFreed

extendBackward((recorded, { retainGraph, createGraph }) => {
  pending = pending.filter(isAlive)
  if (createGraph && pending.length > 0) {
    throw new VisslError(
      ExitCode.usage,
      'activation checkpointing cannot record the backward pass (createGraph)',
      'set config.MODEL.ACTIVATION_CHECKPOINTING.USE_ACTIVATION_CHECKPOINTING=false',
    )
  }
  recorded()
  const kept: Pending[] = []
  try {
    for (const entry of pending.toReversed()) {
      const reached = scope(() => passBack(entry, retainGraph))
      if (retainGraph || !reached) kept.unshift(entry)
      else release(entry)
    }
    pending = kept
  } catch (error) {
    for (const entry of pending) release(entry)
    pending = []
    throw error
  }
})

/** Computes the segment again and passes its output's gradient through it; false when it has none. */
function passBack(entry: Pending, retainGraph: boolean): boolean {
  const { output, input } = entry
  const { grad } = output
  if (grad === null) return false
  output.grad = null
  const start = input.detach()
  start.requiresGrad = input.requiresGrad
  recomputing = true
  try {
    const result = withRandomState(input, entry.random, () =>
      withAutocast(entry.autocast, () => enableGrad(() => entry.again(() => entry.segment(start)))),
    )
    if (result.requiresGrad) backwardOf(result, grad, false)
  } finally {
    recomputing = false
  }
  if (start.grad !== null) backwardOf(input, start.grad, retainGraph)
  return true
}

function backwardOf(tensor: Tensor, gradient: Tensor, retainGraph: boolean): void {
  checked(native().backward(tensor.handle, gradient.handle, retainGraph, false), 'backward')
}

function release(entry: Pending): void {
  for (const tensor of [entry.input, entry.output, ...entry.random]) tensor.free()
}

/** State of the generators that work on the tensor's device may draw from. */
function randomState(input: Tensor): Tensor[] {
  const { device } = input
  return device === 'cpu' ? [rngState()] : [rngState(), rngState(device)]
}

function withRandomState<T>(input: Tensor, [cpu, device]: readonly Tensor[], work: () => T): T {
  const before = randomState(input)
  setRngState(cpu!)
  if (device !== undefined) setRngState(device, input.device)
  try {
    return work()
  } finally {
    setRngState(before[0]!)
    if (before[1] !== undefined) setRngState(before[1], input.device)
  }
}
