import { type Log, roundTo } from '../logging/index.ts'
import { traceModel } from '../models/index.ts'
import type { Hook } from '../train/hook.ts'
import type { Task } from '../train/task.ts'

/**
 * `MODEL.MODEL_COMPLEXITY`: at the start logs parameters (10⁶), multiply-adds (10⁹; what the reference calls FLOPs) and
 * activations, the outputs of convolutions (10⁶), of one image of `INPUT_SHAPE`.
 */
export class ModelComplexityHook implements Hook {
  readonly name = 'model-complexity'
  readonly #log: Log

  constructor(log: Log) {
    this.#log = log
  }

  onStart({ config, rank }: Task): void {
    if (rank !== 0) return
    const { parameters, multiplyAdds, layers } = traceModel(config.MODEL, [
      1,
      ...config.MODEL.MODEL_COMPLEXITY.INPUT_SHAPE,
    ])
    const activations = layers
      .filter(({ kind }) => kind.includes('Conv'))
      .reduce((sum, { output }) => sum + output.reduce((product, size) => product * size, 1), 0)
    this.#log.info(`Number of parameters in model: ${roundTo(parameters / 1e6, 4)} M`)
    this.#log.info(`FLOPs for forward pass: ${roundTo(multiplyAdds / 1e9, 4)} G`)
    this.#log.info(`Number of activations in model: ${roundTo(activations / 1e6, 4)} M`)
  }
}
