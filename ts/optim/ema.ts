import { internal, noGrad, type Parameter, scope, type Tensor } from '../engine/index.ts'
import { ExitCode, VisslError } from '../errors.ts'
import { compareStates, type Module, type StateDict } from '../nn/index.ts'

/** Options of {@link WeightAverage}. */
export interface WeightAverageOptions {
  /** Share of the average that is kept at each update, in [0, 1); 0.999 unless given. */
  readonly decay?: number
  /** Keep less at first, (1 + n) / (10 + n) after n updates, so that the initialisation is soon forgotten; default false. */
  readonly warmUp?: boolean
}

/**
 * The exponential moving average of a model's parameters (Polyak & Juditsky 1992), which often gives better features
 * than the last step's. Running statistics are the model's own.
 *
 * @example
 * const average = new WeightAverage(model, { decay: 0.99 })
 * // after each optimizer step
 * average.update()
 * // in evaluation
 * average.within(() => evaluate(model))
 */
export class WeightAverage {
  /** Updates so far. */
  updates = 0
  readonly #names: readonly string[]
  readonly #params: readonly Parameter[]
  readonly #averages: readonly Tensor[]
  readonly #decay: number
  readonly #warmUp: boolean

  /**
   * Begins with the parameters as they are.
   *
   * @throws VisslError when `decay` is not in [0, 1)
   */
  constructor(model: Module, { decay = 0.999, warmUp = false }: WeightAverageOptions = {}) {
    if (!(decay >= 0 && decay < 1)) {
      throw new VisslError(
        ExitCode.usage,
        `an average of weights cannot keep a share of ${decay}`,
        'give a decay in [0, 1)',
      )
    }
    const named = [...model.namedParameters()]
    this.#decay = decay
    this.#warmUp = warmUp
    this.#names = named.map(([name]) => name)
    this.#params = named.map(([, parameter]) => parameter)
    this.#averages = noGrad(() => this.#params.map((parameter) => parameter.detach().clone().keep()))
  }

  /** Moves the average towards the parameters; after every optimizer step. */
  update(): void {
    const n = this.updates++
    const kept = this.#warmUp ? Math.min(this.#decay, (1 + n) / (10 + n)) : this.#decay
    noGrad(() => internal._foreach_lerp_(this.#averages, this.#params, 1 - kept))
  }

  /** Runs `work` with the averages in place of the model's parameters, which are back afterwards. */
  within<T>(work: () => T): T {
    return scope(() => {
      const own = this.#params.map((parameter) => parameter.detach())
      this.#put(this.#averages)
      try {
        return work()
      } finally {
        this.#put(own)
      }
    })
  }

  #put(values: readonly Tensor[]): void {
    noGrad(() => {
      for (const [i, parameter] of this.#params.entries()) parameter.set_data(values[i]!)
    })
  }

  /** The averages by the names of their parameters; the tensors are this object's own. */
  stateDict(): StateDict {
    return Object.fromEntries(this.#names.map((name, i) => [name, this.#averages[i]!]))
  }

  /** @throws VisslError when names or shapes differ; nothing has changed then */
  loadStateDict(state: Readonly<StateDict>, updates: number): void {
    const own = this.stateDict()
    const { missing, unexpected, mismatched } = compareStates(own, state)
    const wrong = [...missing, ...unexpected, ...mismatched.map(({ name }) => name)]
    if (wrong.length > 0) {
      throw new VisslError(
        ExitCode.data,
        `the saved average of weights does not fit the model at ${wrong.slice(0, 4).join(', ')}`,
        'resume with the model that wrote the checkpoint',
      )
    }
    noGrad(() => {
      for (const [name, average] of Object.entries(own)) average.copy_(state[name]!)
    })
    this.updates = updates
  }

  free(): void {
    for (const average of this.#averages) average.free()
  }
}
