import type { Parameter } from '../engine/index.ts'
import { didYouMean, ExitCode, VisslError } from '../errors.ts'
import type { Hook } from '../train/hook.ts'
import type { Task } from '../train/task.ts'

/**
 * Keeps parameters as they are for the first steps: `MODEL.TEMP_FROZEN_PARAMS_ITER_MAP` lists pairs of a parameter's
 * name and N. Gradients are dropped while the step's number, from 1, is below N: N−1 steps. A prefix `module.`, which
 * the reference's names carry when there are several processes, makes no difference.
 */
export class TempFreezeHook implements Hook {
  readonly name = 'temp-freeze'
  #frozen: { parameter: Parameter; until: number }[] = []

  onStart(task: Task): void {
    const byName = new Map(task.model.namedParameters())
    this.#frozen = task.config.MODEL.TEMP_FROZEN_PARAMS_ITER_MAP.map(([name, until]) => ({
      parameter: find(byName, name),
      until,
    }))
  }

  onBackward(task: Task): void {
    for (const { parameter, until } of this.#frozen) if (task.iteration < until) parameter.grad = null
  }
}

function find(byName: ReadonlyMap<string, Parameter>, given: string): Parameter {
  const name = given.replace(/^module\./, '')
  const parameter = byName.get(name)
  if (parameter !== undefined) return parameter
  const near = didYouMean(name, byName.keys())
  throw new VisslError(
    ExitCode.usage,
    `MODEL.TEMP_FROZEN_PARAMS_ITER_MAP: the model has no parameter "${name}"`,
    near.length > 0
      ? `did you mean ${near.join(' or ')}?`
      : `one of: ${[...byName.keys()].slice(0, 8).join(', ')}, …`,
  )
}
