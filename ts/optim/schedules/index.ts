import './composite.ts'
import './simple.ts'
import './steps.ts'
import './warm-restart.ts'

export { buildScheduler, type ScheduleParams } from './build.ts'
export { type ScheduleSample, sampleSchedule } from './sample.ts'
export {
  defineSchedule,
  type Schedule,
  type ScheduleClass,
  type ScheduleContext,
  schedulers,
  type UpdateInterval,
} from './schedule.ts'
