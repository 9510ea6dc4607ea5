import { z } from 'zod'
import { ExitCode, VisslError } from '../../errors.ts'
import { createSchedule } from './build.ts'
import { defineSchedule, SLACK } from './schedule.ts'

/**
 * Schedules one after another. A `rescaled` child runs over its own share from 0 to 1, a `fixed` one sees the
 * progress of the whole training, as if it had been running from the start.
 */
export const composite = defineSchedule({
  key: 'composite',
  params: z.object({
    schedulers: z.array(z.looseObject({ name: z.string() })).min(1, 'at least one schedule is needed'),
    lengths: z.array(z.number().min(0)).describe('share of training of each child; they add up to 1'),
    interval_scaling: z.array(z.enum(['rescaled', 'fixed'])).describe('one for each child'),
  }),
  defaultInterval: 'step',
  create: ({ schedulers, lengths: given, interval_scaling: scaling }, context) => {
    const count = schedulers.length
    if (given.length !== count || scaling.length !== count) {
      throw new VisslError(
        ExitCode.usage,
        `schedule composite: ${count} schedulers need ${count} lengths and ${count} interval_scaling, ` +
          `got ${given.length} and ${scaling.length}`,
      )
    }
    const sum = given.reduce((total, length) => total + length, 0)
    if (!(Math.abs(sum - 1) < 1e-3)) {
      throw new VisslError(
        ExitCode.usage,
        `schedule composite: lengths must add up to 1, got ${sum}`,
        'correct config.OPTIMIZER.param_schedulers.lr.lengths, one share of training for each schedule',
      )
    }
    const lengths = [...given]
    lengths[count - 1] = 1 - given.slice(0, -1).reduce((total, length) => total + length, 0)
    // A part of length 0 never runs, also not in the slack before its end.
    const last = lengths.findLastIndex((length) => length > 0)
    const children = schedulers.map((child) => createSchedule(child, context))
    return (where) => {
      let i = 0
      let total = lengths[0]!
      while (where + SLACK > total && i < last) total += lengths[++i]!
      if (scaling[i] === 'fixed') return children[i]!(where)
      return children[i]!((where - (total - lengths[i]!)) / lengths[i]!)
    }
  },
})
