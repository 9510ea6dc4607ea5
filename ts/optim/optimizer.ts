import { noGrad, type Parameter, scope, type Tensor } from '../engine/index.ts'
import { ExitCode, VisslError } from '../errors.ts'
import { checkSameShape } from './layout.ts'

/** Parameters that share their settings. */
export interface ParamGroup {
  readonly params: readonly Parameter[]
  /** Learning rate; schedules write it. */
  lr: number
  weightDecay: number
  /** Which schedule drives `lr`. */
  readonly schedule?: 'lr' | 'lr_head'
}

/** A parameter group as given: what is missing comes from the optimizer. */
export interface ParamGroupInput {
  readonly params: readonly Parameter[]
  readonly lr?: number | undefined
  readonly weightDecay?: number | undefined
  readonly schedule?: 'lr' | 'lr_head' | undefined
}

/** State of one parameter in a state dictionary, under PyTorch's names. */
export type ParameterState = Record<string, Tensor | number>

/** An optimizer's state in PyTorch's layout: parameters are numbered through all groups. */
export interface OptimizerState {
  readonly state: Record<number, ParameterState>
  readonly param_groups: Record<string, unknown>[]
}

/** Updates parameters from their gradients. */
export abstract class Optimizer {
  readonly groups: ParamGroup[]

  /** @throws VisslError when a parameter is in two groups */
  constructor(groups: readonly ParamGroupInput[], defaults: { lr: number; weightDecay: number }) {
    this.groups = groups.map((group) => ({
      params: group.params,
      lr: group.lr ?? defaults.lr,
      weightDecay: group.weightDecay ?? defaults.weightDecay,
      ...(group.schedule === undefined ? {} : { schedule: group.schedule }),
    }))
    const all = this.groups.flatMap((group) => group.params)
    if (new Set(all).size !== all.length) {
      throw new VisslError(ExitCode.usage, 'a parameter is in more than one parameter group')
    }
  }

  /** Updates every parameter that has a gradient. */
  step(): void {
    noGrad(() =>
      scope(() => {
        for (const group of this.groups) {
          const params: Parameter[] = []
          const grads: Tensor[] = []
          for (const param of group.params) {
            const { grad } = param
            if (grad === null) continue
            params.push(param)
            grads.push(grad)
          }
          if (params.length > 0) this.update(group, params, grads)
        }
      }),
    )
  }

  /** Updates some of a group's parameters in place; recording is off and a scope is open. */
  protected abstract update(group: ParamGroup, params: readonly Parameter[], grads: readonly Tensor[]): void

  /** Drops all gradients. */
  zeroGrad(): void {
    for (const group of this.groups) for (const param of group.params) param.grad = null
  }

  /** State of one parameter, none before its first update; the tensors are the optimizer's own. */
  protected abstract stateOf(param: Parameter): ParameterState | undefined

  /** Takes over a copy of a state that {@link stateOf} gave. */
  protected abstract restore(param: Parameter, state: Readonly<ParameterState>): void

  /** Settings of a group under PyTorch's names, without its parameters. */
  protected abstract settings(group: ParamGroup): Record<string, unknown>

  stateDict(): OptimizerState {
    const state: Record<number, ParameterState> = {}
    let index = 0
    const param_groups = this.groups.map((group) => ({
      ...this.settings(group),
      params: group.params.map((param) => {
        const own = this.stateOf(param)
        if (own !== undefined) state[index] = own
        return index++
      }),
    }))
    return { state, param_groups }
  }

  /**
   * Restores state, learning rates and weight decays.
   *
   * @throws VisslError when groups or shapes differ; nothing has changed then
   */
  loadStateDict(saved: OptimizerState): void {
    const expected = this.groups.map((group) => group.params.length)
    const got = saved.param_groups.map((group) => (Array.isArray(group.params) ? group.params.length : -1))
    if (expected.join() !== got.join()) {
      throw new VisslError(
        ExitCode.data,
        `the optimizer's state has groups of ${got.join(', ')} parameters, the model needs ${expected.join(', ')}`,
        'resume with the model and the OPTIMIZER settings that wrote the checkpoint',
      )
    }
    const pairs: [Parameter, ParameterState][] = []
    for (const [g, group] of this.groups.entries()) {
      const ids = saved.param_groups[g]!.params as number[]
      for (const [i, param] of group.params.entries()) {
        const own = saved.state[ids[i]!]
        if (own !== undefined) pairs.push([param, own])
      }
    }
    for (const [param, own] of pairs) {
      for (const [name, value] of Object.entries(own)) {
        if (typeof value === 'number' || value.shape.length === 0) continue
        checkSameShape(param, value, `the optimizer's state "${name}"`)
      }
    }
    for (const [g, group] of this.groups.entries()) {
      const { lr, weight_decay } = saved.param_groups[g]!
      if (typeof lr === 'number') group.lr = lr
      if (typeof weight_decay === 'number') group.weightDecay = weight_decay
    }
    noGrad(() => {
      for (const [param, own] of pairs) this.restore(param, own)
    })
  }

  /** Frees all state. */
  abstract free(): void
}
