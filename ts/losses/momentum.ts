import { noGrad, type Tensor } from '../engine/index.ts'
import type { LoadReport, Module, StateDict } from '../nn/index.ts'
import { Loss } from './loss.ts'

/**
 * A loss that compares with a second network, whose weights follow the model's slowly. A hook builds it, moves it and
 * runs it; the loss keeps it, so that checkpoints hold its state (below {@link encoderName}).
 *
 * State that is loaded before there is an encoder is kept aside and applied when it comes.
 */
export abstract class MomentumLoss<P = unknown> extends Loss<P> {
  /** The encoder's name in the state. */
  abstract readonly encoderName: string
  #encoder: Module | null = null
  #pending: StateDict | null = null

  /** The second network; null until a hook brings it. */
  get encoder(): Module | null {
    return this.#encoder
  }

  override *namedChildren(): Generator<[string, Module]> {
    yield* super.namedChildren()
    if (this.#encoder !== null) yield [this.encoderName, this.#encoder]
  }

  /**
   * Takes the encoder over, without gradients.
   *
   * @returns whether its state came from a checkpoint
   * @throws VisslError when a checkpoint's state does not fit it
   */
  adopt(encoder: Module): boolean {
    this.#encoder = encoder.requiresGrad_(false)
    const pending = this.#pending
    if (pending === null) return false
    encoder.loadStateDict(pending)
    for (const tensor of Object.values(pending)) tensor.free()
    this.#pending = null
    return true
  }

  override loadStateDict(state: Readonly<StateDict>, options: { strict?: boolean } = {}): LoadReport {
    const prefix = `${this.encoderName}.`
    // VISSL keeps some encoders wrapped for several processes.
    const entries = Object.entries(state).map(([name, value]): [string, Tensor] => [
      name.replace(`${prefix}module.`, prefix),
      value,
    ])
    if (this.#encoder !== null) return super.loadStateDict(Object.fromEntries(entries), options)
    const isOwn = ([name]: [string, Tensor]) => !name.startsWith(prefix)
    const report = super.loadStateDict(Object.fromEntries(entries.filter(isOwn)), options)
    const kept = entries.filter((entry) => !isOwn(entry))
    if (kept.length > 0) {
      this.#pending = Object.fromEntries(
        kept.map(([name, value]) => [name.slice(prefix.length), noGrad(() => value.detach().clone().keep())]),
      )
    }
    return report
  }

  override free(): void {
    super.free()
    for (const tensor of Object.values(this.#pending ?? {})) tensor.free()
    this.#pending = null
  }
}

/** Pairs of tensors of the same name in two networks; names that only one has are left out. */
function* pairs(
  follower: Iterable<[string, Tensor]>,
  leader: Iterable<[string, Tensor]>,
): Generator<[follower: Tensor, leader: Tensor]> {
  const leaders = new Map(leader)
  for (const [name, tensor] of follower) {
    const other = leaders.get(name)
    if (other !== undefined) yield [tensor, other]
  }
}

/**
 * Moves every parameter of `follower` towards the one of that name in `leader`: θ ← m·θ + (1−m)·θ_leader.
 *
 * @param momentum m in [0, 1]; 0 copies
 */
export function followParameters(follower: Module, leader: Module, momentum: number): void {
  noGrad(() => {
    for (const [own, other] of pairs(follower.namedParameters(), leader.namedParameters())) {
      if (momentum === 0) own.copy_(other)
      else own.mul_(momentum).add_(other.to(own.dtype), { alpha: 1 - momentum })
    }
  })
}

/** Copies the running statistics of normalisation layers. */
export function copyStatistics(follower: Module, leader: Module): void {
  const isStatistic = ([name]: [string, Tensor]) => /(^|\.)running_[^.]*$/.test(name)
  noGrad(() => {
    const own = [...follower.namedBuffers()].filter(isStatistic)
    for (const [buffer, other] of pairs(own, leader.namedBuffers())) buffer.copy_(other)
  })
}

/**
 * The momentum of a step when it rises along a half cosine from `base` at the start to 1 at the end of training.
 *
 * @param where progress in [0, 1]
 */
export function cosineMomentum(base: number, where: number): number {
  return 1 - ((1 - base) * (Math.cos(Math.PI * Math.min(1, where)) + 1)) / 2
}
