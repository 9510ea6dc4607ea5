import { z } from 'zod'
import { defineSchedule } from './schedule.ts'

/**
 * Cosine waves with restarts (Loshchilov & Hutter 2017, arXiv:1608.03983). `half` waves fall and jump back, `full`
 * waves fall and rise again. A restart's peak is the start value times `lr_multiplier` once per restart, or with
 * `is_adaptive` the value of one cosine over the whole of training at the restart.
 */
export const cosineWarmRestart = defineSchedule({
  key: 'cosine_warm_restart',
  params: z.object({
    start_value: z.number(),
    end_value: z.number(),
    restart_interval_length: z.number().gt(0).max(1).describe('half a wave, as a share of training'),
    wave_type: z.enum(['half', 'full']).default('half'),
    lr_multiplier: z.number().default(1),
    is_adaptive: z.boolean().default(false),
  }),
  defaultInterval: 'step',
  create: (params) => {
    const { start_value: start, end_value: end, restart_interval_length: length } = params
    const half = params.wave_type === 'half'
    const restarts = [0]
    for (let at = length; at < 1; at += half ? length : 2 * length) restarts.push(at)
    const wave = (peak: number, at: number) => end + 0.5 * (peak - end) * (1 + Math.cos(Math.PI * at))
    const peaks = restarts.map((at, i) => {
      if (params.is_adaptive) return wave(start, half ? at : length + at)
      return start * params.lr_multiplier ** i
    })
    return (where) => {
      let i = restarts.length - 1
      while (i > 0 && restarts[i]! > where) i--
      return wave(peaks[i]!, half ? (where % length) / length : where / length)
    }
  },
})
