import { gradientsOf, noGrad, type Parameter, scope, type Tensor } from '../engine/index.ts'
import { ExitCode, VisslError } from '../errors.ts'
import { checkState, OptimizerMemory, type ParameterState } from './memory.ts'

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

/** An optimizer's state in PyTorch's layout: parameters are numbered through all groups. */
export interface OptimizerState {
  readonly state: Record<number, ParameterState>
  readonly param_groups: Record<string, unknown>[]
}

/** What trains a model: an optimizer, alone or wrapped. */
export interface AnyOptimizer {
  readonly groups: ParamGroup[]
  /** Updates every parameter that has a gradient. */
  step(): void
  /** Drops all gradients. */
  zeroGrad(): void
  stateDict(): OptimizerState
  loadStateDict(saved: OptimizerState): void
  /** Frees all state. */
  free(): void
}

/**
 * A rule that updates parameters from their gradients. Subclasses give `update`, the group's `settings` under
 * PyTorch's names, and keep what they remember in `memory`, also under PyTorch's names.
 *
 * @example
 * class SignSgd extends Optimizer {
 *   static readonly key = 'sign_sgd'
 *   static readonly params = z.object({ lr: z.number().default(0.01), weight_decay: z.number().default(0) })
 *   protected override readonly stateNames = []
 *   constructor(groups: readonly ParamGroupInput[], params: z.output<typeof SignSgd.params>) {
 *     super(groups, params)
 *   }
 *   protected override update({ lr }: ParamGroup, params: readonly Parameter[], grads: readonly Tensor[]): void {
 *     for (const [i, param] of params.entries()) param.add_(grads[i]!.sign(), { alpha: -lr })
 *   }
 *   protected override settings({ lr }: ParamGroup) {
 *     return { lr }
 *   }
 * }
 * optimizers.register(SignSgd.key, SignSgd) // then OPTIMIZER.name=sign_sgd
 */
export abstract class Optimizer implements AnyOptimizer {
  readonly groups: ParamGroup[]
  protected readonly memory = new OptimizerMemory()
  /** Names of all that the rule may keep in `memory`. */
  protected abstract readonly stateNames: readonly string[]

  /** @throws VisslError when a parameter is in two groups */
  constructor(groups: readonly ParamGroupInput[], defaults: { lr: number; weight_decay: number }) {
    this.groups = groups.map((group) => ({
      params: group.params,
      lr: group.lr ?? defaults.lr,
      weightDecay: group.weightDecay ?? defaults.weight_decay,
      ...(group.schedule === undefined ? {} : { schedule: group.schedule }),
    }))
    const all = this.groups.flatMap((group) => group.params)
    if (new Set(all).size !== all.length) {
      throw new VisslError(ExitCode.usage, 'a parameter is in more than one parameter group')
    }
  }

  step(): void {
    noGrad(() =>
      scope(() => {
        for (const group of this.groups) {
          const params: Parameter[] = []
          const grads: Tensor[] = []
          for (const [i, { gradient, layout }] of gradientsOf(group.params).entries()) {
            if (gradient === null) continue
            const param = group.params[i]!
            this.memory.setLayout(param, layout)
            params.push(param)
            grads.push(gradient)
          }
          if (params.length > 0) this.update(group, params, grads)
        }
      }),
    )
  }

  /**
   * Updates some of a group's parameters in place; recording is off and a scope is open. Gradients have the shape,
   * dtype and layout of their parameters and may not be written to.
   */
  protected abstract update(group: ParamGroup, params: readonly Parameter[], grads: readonly Tensor[]): void

  /** Settings of a group under PyTorch's names, without its parameters. */
  protected abstract settings(group: ParamGroup): Record<string, unknown>

  zeroGrad(): void {
    for (const group of this.groups) for (const param of group.params) param.grad = null
  }

  stateDict(): OptimizerState {
    const state: Record<number, ParameterState> = {}
    let index = 0
    const param_groups = this.groups.map((group) => ({
      ...this.settings(group),
      params: group.params.map((param) => {
        const own = this.memory.stateOf(param)
        if (own !== undefined) state[index] = own
        return index++
      }),
    }))
    return { state, param_groups }
  }

  /**
   * Restores state, learning rates and weight decays.
   *
   * @throws VisslError when groups, shapes or the kind of optimizer differ; nothing has changed then
   */
  loadStateDict(saved: OptimizerState): void {
    const pairs = this.#pair(saved)
    for (const [param, own] of pairs) checkState(param, own)
    for (const [g, group] of this.groups.entries()) {
      const { lr, weight_decay } = saved.param_groups[g]!
      if (typeof lr === 'number') group.lr = lr
      if (typeof weight_decay === 'number') group.weightDecay = weight_decay
    }
    noGrad(() => {
      for (const [param, own] of pairs) this.memory.restore(param, own)
    })
  }

  /** Every parameter with its saved state, as far as there is one. */
  #pair(saved: OptimizerState): [Parameter, ParameterState][] {
    checkGroups(this.groups, saved)
    const pairs: [Parameter, ParameterState][] = []
    for (const [g, group] of this.groups.entries()) {
      const ids = saved.param_groups[g]!.params as number[]
      for (const [i, param] of group.params.entries()) {
        const own = saved.state[ids[i]!]
        // PyTorch writes null for what is off, such as the momentum buffer without momentum.
        const given = Object.entries(own ?? {}).filter(([, value]) => value !== null)
        const foreign = given.find(([name]) => !this.stateNames.includes(name))
        if (foreign !== undefined) {
          throw new VisslError(
            ExitCode.data,
            `the optimizer's state holds "${foreign[0]}", which ${this.constructor.name} does not have`,
            'resume with the OPTIMIZER.name that wrote the checkpoint',
          )
        }
        if (given.length > 0) pairs.push([param, Object.fromEntries(given)])
      }
    }
    return pairs
  }

  free(): void {
    this.memory.free()
  }
}

/** @throws VisslError when a saved state has other groups, or groups of other sizes */
export function checkGroups(groups: readonly ParamGroup[], saved: OptimizerState): void {
  const expected = groups.map((group) => group.params.length)
  const got = saved.param_groups.map((group) => (Array.isArray(group.params) ? group.params.length : -1))
  if (expected.join() === got.join()) return
  throw new VisslError(
    ExitCode.data,
    `the optimizer's state has groups of ${got.join(', ')} parameters, the model needs ${expected.join(', ')}`,
    'resume with the model and the OPTIMIZER settings that wrote the checkpoint',
  )
}
