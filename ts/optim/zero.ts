import { broadcastText, type ProcessGroup } from '../distributed/index.ts'
import { type DType, noGrad, ops, type Parameter, scope, type Tensor } from '../engine/index.ts'
import type { ParameterState } from './memory.ts'
import {
  type AnyOptimizer,
  checkGroups,
  type OptimizerState,
  type ParamGroup,
  type ParamGroupInput,
} from './optimizer.ts'

/** What a process tells the others of a parameter's state before it sends the tensors. */
interface Announced {
  readonly index: number
  readonly numbers: Record<string, number>
  readonly tensors: readonly (readonly [name: string, shape: readonly number[], dtype: DType])[]
}

/**
 * ZeRO stage 1 (Rajbhandari et al. 2020, arXiv:1910.02054): every process updates its share of the parameters, and keeps
 * the optimizer's state of these only; then all get the new values from their owners. Updates are bit for bit those of
 * the optimizer inside, which must treat each parameter by itself.
 */
export class Zero implements AnyOptimizer {
  /** All parameters, as if nothing were shared out; schedules write their rates. */
  readonly groups: ParamGroup[]
  readonly #inner: AnyOptimizer
  readonly #group: ProcessGroup
  /** The process that updates a parameter; by the parameter's number through all groups. */
  readonly #owners: readonly number[]

  /**
   * @param groups equal in all processes, and so are the parameters' values
   * @param build makes the optimizer of this process's share: as many groups, some of them maybe empty
   */
  constructor(
    groups: readonly ParamGroupInput[],
    group: ProcessGroup,
    build: (share: readonly ParamGroupInput[]) => AnyOptimizer,
  ) {
    this.#group = group
    this.#owners = shareOut(
      groups.flatMap(({ params }) => params),
      group.size,
    )
    let index = 0
    const shares = groups.map((of) => ({
      ...of,
      params: of.params.filter(() => this.#owners[index++] === group.rank),
    }))
    this.#inner = build(shares)
    this.groups = this.#inner.groups.map((own, g) => ({ ...own, params: groups[g]!.params }))
  }

  step(): void {
    this.#passRates()
    this.#inner.step()
    noGrad(() =>
      scope(() => {
        for (const [i, param] of this.#parameters().entries())
          if (param.grad !== null) this.#group.broadcast(param.detach(), this.#owners[i]!)
      }),
    )
  }

  zeroGrad(): void {
    for (const { params } of this.groups) for (const param of params) param.grad = null
  }

  /**
   * In the first process the whole state, as the optimizer inside would have it alone; in the others their share. Every
   * process calls it. What has come from others lives as long as the scope around the call.
   */
  stateDict(): OptimizerState {
    this.#passRates()
    const own = this.#inner.stateDict()
    const mine = this.#owners.flatMap((owner, index) => (owner === this.#group.rank ? [index] : []))
    const state: Record<number, ParameterState> = {}
    for (const [position, index] of mine.entries()) {
      const known = own.state[position]
      if (known !== undefined) state[index] = known
    }
    for (let root = 1; root < this.#group.size; root++) {
      const announced = broadcastText(this.#group, JSON.stringify(describe(state)), root)
      for (const one of JSON.parse(announced) as Announced[]) this.#send(one, root, state)
    }
    let index = 0
    const param_groups = own.param_groups.map((settings, g) => ({
      ...settings,
      params: this.groups[g]!.params.map(() => index++),
    }))
    return { state, param_groups }
  }

  /** Sends a parameter's state from its owner; the first process puts it into `state`. */
  #send({ index, numbers, tensors }: Announced, root: number, state: Record<number, ParameterState>): void {
    const { rank } = this.#group
    const received: ParameterState = { ...numbers }
    for (const [name, shape, dtype] of tensors) {
      const sent = rank === root ? (state[index]![name] as Tensor) : ops.empty([...shape], { dtype })
      this.#group.broadcast(sent, root)
      if (rank === 0) received[name] = sent
      else if (rank !== root) sent.free()
    }
    if (rank === 0) state[index] = received
  }

  /**
   * Takes this process's share of a whole state, which any number of processes may have written, one without ZeRO too.
   *
   * @throws VisslError as the optimizer inside does; nothing has changed then
   */
  loadStateDict(saved: OptimizerState): void {
    checkGroups(this.groups, saved)
    let index = 0
    const param_groups = saved.param_groups.map((settings) => {
      const ids = settings.params as number[]
      return { ...settings, params: ids.filter(() => this.#owners[index++] === this.#group.rank) }
    })
    this.#inner.loadStateDict({ state: saved.state, param_groups })
    for (const [g, { lr, weightDecay }] of this.#inner.groups.entries())
      Object.assign(this.groups[g]!, { lr, weightDecay })
  }

  free(): void {
    this.#inner.free()
  }

  #parameters(): Parameter[] {
    return this.groups.flatMap(({ params }) => params)
  }

  #passRates(): void {
    for (const [g, { lr, weightDecay }] of this.groups.entries())
      Object.assign(this.#inner.groups[g]!, { lr, weightDecay })
  }
}

/**
 * Which process updates which parameter: the largest first, each to the process that has the fewest elements so far.
 *
 * @returns the owner of each parameter
 */
export function shareOut(params: readonly { readonly numel: number }[], processes: number): number[] {
  const elements = new Array<number>(processes).fill(0)
  const owners = new Array<number>(params.length).fill(0)
  const largestFirst = Array.from(params.keys()).sort((a, b) => params[b]!.numel - params[a]!.numel || a - b)
  for (const index of largestFirst) {
    const owner = elements.indexOf(Math.min(...elements))
    owners[index] = owner
    elements[owner]! += params[index]!.numel
  }
  return owners
}

function describe(state: Readonly<Record<number, ParameterState>>): Announced[] {
  return Object.entries(state).map(([index, own]) => {
    const entries = Object.entries(own)
    return {
      index: Number(index),
      numbers: Object.fromEntries(
        entries.filter((entry): entry is [string, number] => typeof entry[1] === 'number'),
      ),
      tensors: entries.flatMap(([name, value]) =>
        typeof value === 'number' ? [] : [[name, value.shape, value.dtype] as const],
      ),
    }
  })
}
