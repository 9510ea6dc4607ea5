import { z } from 'zod'
import { ExitCode, VisslError } from '../../errors.ts'
import { defineSchedule, SLACK } from './schedule.ts'
import { checkBelowOne } from './simple.ts'

const values = z.array(z.number()).min(1)

/**
 * Piecewise constant: `values[i]` from epoch `milestones[i - 1]` on. Without milestones the epochs are divided
 * evenly, rounded up.
 */
export const multistep = defineSchedule({
  key: 'multistep',
  params: z.object({
    values: values.describe('one value more than there are milestones'),
    milestones: z.array(z.number().int()).nullish().describe('ascending epochs at which the value changes'),
  }),
  defaultInterval: 'epoch',
  create: ({ values, milestones: given }, { numEpochs }) => {
    if (numEpochs < values.length) {
      throw bad(`num_epochs (${numEpochs}) is less than the number of values (${values.length})`)
    }
    const length = Math.ceil(numEpochs / values.length)
    const milestones = given ?? values.slice(1).map((_, i) => length * (i + 1))
    let previous = 0
    for (const milestone of milestones) {
      if (milestone <= previous) throw bad(`milestones must ascend from 1, got [${milestones.join(', ')}]`)
      if (milestone >= numEpochs) throw bad(`milestone ${milestone} is not before num_epochs (${numEpochs})`)
      previous = milestone
    }
    if (values.length !== milestones.length + 1) {
      throw bad(`${values.length} values need ${values.length - 1} milestones, got ${milestones.length}`)
    }
    return (where) => {
      const epoch = Math.trunc((where + SLACK) * numEpochs)
      let i = 0
      while (i < milestones.length && milestones[i]! <= epoch) i++
      return values[i]!
    }
  },
})

/** Piecewise constant over equal shares of training. */
export const step = defineSchedule({
  key: 'step',
  params: z.object({ values }),
  defaultInterval: 'epoch',
  create: ({ values }, { numEpochs }) => equalSteps(values, numEpochs),
})

/** Equal shares of training, each `gamma` times the one before. */
export const stepWithFixedGamma = defineSchedule({
  key: 'step_with_fixed_gamma',
  params: z.object({
    base_value: z.number().positive(),
    num_decays: z.number().int().min(0),
    gamma: z.number().positive(),
  }),
  defaultInterval: 'step',
  create: ({ base_value, num_decays, gamma }, { numEpochs }) => {
    const values = [base_value]
    for (let i = 0; i < num_decays; i++) values.push(values[i]! * gamma)
    return equalSteps(values, numEpochs)
  },
})

function equalSteps(values: readonly number[], numEpochs: number): (where: number) => number {
  if (numEpochs < values.length) {
    throw bad(`num_epochs (${numEpochs}) is less than the number of values (${values.length})`)
  }
  return (where) => {
    checkBelowOne(where)
    return values[Math.min(values.length - 1, Math.trunc((where + SLACK) * values.length))]!
  }
}

function bad(message: string): VisslError {
  return new VisslError(ExitCode.usage, `schedule: ${message}`)
}
