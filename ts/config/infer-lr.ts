import { ExitCode, VisslError } from '../errors.ts'
import type { Put } from './infer.ts'
import type { Config } from './schema/index.ts'
import type { Tree, Value } from './tree.ts'

type Scheduler = Config['OPTIMIZER']['param_schedulers']['lr']

const RULE = 'automatic learning-rate scaling'

/**
 * Scales learning rates to the global batch where `auto_lr_scaling` asks for it, and gives heads the trunk's
 * schedule and weight decay unless they have their own.
 *
 * @throws VisslError for a schedule that cannot be scaled
 */
export function scaleLearningRates(config: Config, put: Put): void {
  const { param_schedulers: schedules, head_optimizer_params: head, weight_decay } = config.OPTIMIZER
  if (schedules.lr.auto_lr_scaling.auto_scale) {
    put('OPTIMIZER.param_schedulers.lr', scaled(config, schedules.lr) as unknown as Value, RULE)
  }
  const { lr, lr_head } = config.OPTIMIZER.param_schedulers
  if (!head.use_different_lr) {
    put(
      'OPTIMIZER.param_schedulers.lr_head',
      structuredClone(lr) as unknown as Value,
      'heads follow the trunk',
    )
  } else if (lr_head.auto_lr_scaling.auto_scale) {
    put('OPTIMIZER.param_schedulers.lr_head', scaled(config, lr_head) as unknown as Value, RULE)
  }
  if (!head.use_different_wd) {
    put('OPTIMIZER.head_optimizer_params.weight_decay', weight_decay, 'heads follow the trunk')
  } else if (head.weight_decay < 0) {
    throw new VisslError(
      ExitCode.usage,
      `config.OPTIMIZER.head_optimizer_params.weight_decay is ${head.weight_decay}`,
      'give a number of at least 0',
    )
  }
}

function scaled(config: Config, original: Scheduler): Scheduler {
  const schedule = structuredClone(original)
  const { base_value: base, base_lr_batch_size: baseBatch } = schedule.auto_lr_scaling
  const { NUM_NODES, NUM_PROC_PER_NODE } = config.DISTRIBUTED
  const nodeBatch = config.DATA.TRAIN.BATCHSIZE_PER_REPLICA * NUM_PROC_PER_NODE
  const rate = base * ((nodeBatch * NUM_NODES) / baseBatch)
  const target = schedule as unknown as Tree
  rewrite(target, rate)
  if (schedule.name === 'composite') warmUp(target, base * (nodeBatch / baseBatch), NUM_NODES)
  return schedule
}

function rewrite(schedule: Tree, rate: number): void {
  const name = String(schedule.name)
  if (name.includes('cosine')) {
    const start = Number(schedule.start_value)
    if (start === 0) throw unscalable(name, 'its start_value is 0')
    schedule.end_value = rate * (Number(schedule.end_value) / start)
    schedule.start_value = rate
  } else if (name === 'multistep' || name === 'step') {
    const values = schedule.values as number[]
    if (values.length > 1 && values[0] === 0) throw unscalable(name, 'its first value is 0')
    const gamma = values.length > 1 ? round(values[1]! / values[0]!, 6) : 1
    schedule.values = values.map((_, i) => round(rate * gamma ** i, 8))
  } else if (name === 'step_with_fixed_gamma') schedule.base_value = rate
  else if (name === 'linear') schedule.end_value = rate
  else if (name === 'inverse_sqrt') schedule.start_value = rate
  else if (name === 'constant') schedule.value = rate
  else if (name === 'composite') for (const child of children(schedule)) rewrite(child, rate)
  else throw unscalable(name, 'it has no rule')
}

/** Starts warm-ups at the rate of one machine's batch; drops one that has nothing to warm up to. */
function warmUp(schedule: Tree, start: number, nodes: number): void {
  let dropped = -1
  for (const [i, child] of children(schedule).entries()) {
    if (child.name !== 'linear') continue
    child.start_value = start
    if (nodes === 1 && start <= Number(child.end_value)) dropped = i
  }
  if (dropped >= 0) children(schedule).splice(dropped, 1)
  const [only, ...others] = children(schedule)
  if (only !== undefined && others.length === 0 && dropped >= 0) Object.assign(schedule, only)
}

function children(schedule: Tree): Tree[] {
  return schedule.schedulers as unknown as Tree[]
}

/** Rounds half to even at a number of decimals, as Python does for values that are exact in between. */
function round(value: number, decimals: number): number {
  return Number(value.toFixed(decimals))
}

function unscalable(name: string, reason: string): VisslError {
  return new VisslError(
    ExitCode.usage,
    `the schedule "${name}" cannot be scaled: ${reason}`,
    'set config.OPTIMIZER.param_schedulers.lr.auto_lr_scaling.auto_scale=false',
  )
}
