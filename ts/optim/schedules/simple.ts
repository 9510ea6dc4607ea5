import { z } from 'zod'
import { ExitCode, VisslError } from '../../errors.ts'
import { defineSchedule } from './schedule.ts'

/** The same value throughout. */
export const constant = defineSchedule({
  key: 'constant',
  params: z.object({ value: z.number().describe('the value') }),
  defaultInterval: 'epoch',
  create:
    ({ value }) =>
    (where) => {
      checkBelowOne(where)
      return value
    },
})

/** Half a cosine wave from `start_value` to `end_value` (Loshchilov & Hutter 2017, arXiv:1608.03983). */
export const cosine = defineSchedule({
  key: 'cosine',
  params: z.object({ start_value: z.number(), end_value: z.number() }),
  defaultInterval: 'step',
  create:
    ({ start_value, end_value }) =>
    (where) =>
      end_value + 0.5 * (start_value - end_value) * (1 + Math.cos(Math.PI * where)),
})

/** A straight line from `start_value` to `end_value`. */
export const linear = defineSchedule({
  key: 'linear',
  params: z.object({ start_value: z.number(), end_value: z.number() }),
  defaultInterval: 'step',
  create:
    ({ start_value, end_value }) =>
    (where) =>
      end_value * where + start_value * (1 - where),
})

/** `base_value · (1 − where)^power`. */
export const polynomial = defineSchedule({
  key: 'polynomial',
  params: z.object({ base_value: z.number(), power: z.number() }),
  defaultInterval: 'step',
  create:
    ({ base_value, power }) =>
    (where) =>
      base_value * (1 - where) ** power,
})

/**
 * Decay with the inverse square root of progress (Vaswani et al. 2017, arXiv:1706.03762), scaled so that it passes
 * through `start_value` at `warmup_interval_length`.
 */
export const inverseSqrt = defineSchedule({
  key: 'inverse_sqrt',
  params: z.object({ start_value: z.number(), warmup_interval_length: z.number().min(0).lt(1) }),
  defaultInterval: 'step',
  create: ({ start_value, warmup_interval_length }) => {
    const decay = warmup_interval_length > 0 ? start_value * Math.sqrt(warmup_interval_length) : start_value
    return (where) => (where > 0 ? decay * where ** -0.5 : decay)
  },
})

/** @throws VisslError when `where` is not in [0, 1) */
export function checkBelowOne(where: number): void {
  if (where >= 0 && where < 1) return
  throw new VisslError(ExitCode.internal, `progress given to a schedule must be in [0, 1), got ${where}`)
}
