import { ExitCode, VisslError } from '../errors.ts'
import type { Facts } from './facts.ts'
import { copy, isTree, type Tree, type Value } from './tree.ts'

const RULE = 'automatic learning-rate scaling'
const SCHEDULES = 'OPTIMIZER.param_schedulers'
const HEADS = 'OPTIMIZER.head_optimizer_params'

/**
 * Scales learning rates to the global batch where `auto_lr_scaling` asks for it, and gives heads the trunk's
 * schedule and weight decay unless they have their own.
 *
 * @throws VisslError for a schedule that cannot be scaled
 */
export function scaleLearningRates(facts: Facts): void {
  facts.map(`${SCHEDULES}.lr`)
  if (facts.flag(`${SCHEDULES}.lr.auto_lr_scaling.auto_scale`)) scale(facts, `${SCHEDULES}.lr`)
  const heads = facts.get(`${SCHEDULES}.lr_head`)
  if (!facts.flag(`${HEADS}.use_different_lr`)) {
    facts.put(`${SCHEDULES}.lr_head`, copy(facts.map(`${SCHEDULES}.lr`)), 'heads follow the trunk')
  } else if (isTree(heads) && Object.keys(heads).length > 0) {
    if (facts.flag(`${SCHEDULES}.lr_head.auto_lr_scaling.auto_scale`)) scale(facts, `${SCHEDULES}.lr_head`)
  }
  if (!facts.flag(`${HEADS}.use_different_wd`)) {
    facts.put(`${HEADS}.weight_decay`, facts.get('OPTIMIZER.weight_decay') ?? null, 'heads follow the trunk')
  } else if (facts.number(`${HEADS}.weight_decay`) < 0) {
    throw facts.wrong(`${HEADS}.weight_decay`, 'a number of at least 0')
  }
}

function scale(facts: Facts, path: string): void {
  const schedule = copy(facts.map(path)) as Tree
  const base = facts.number(`${path}.auto_lr_scaling.base_value`)
  const baseBatch = facts.number(`${path}.auto_lr_scaling.base_lr_batch_size`)
  if (baseBatch === 0) throw facts.wrong(`${path}.auto_lr_scaling.base_lr_batch_size`, 'a batch above 0')
  const nodes = facts.number('DISTRIBUTED.NUM_NODES')
  const nodeBatch =
    facts.number('DATA.TRAIN.BATCHSIZE_PER_REPLICA') * facts.number('DISTRIBUTED.NUM_PROC_PER_NODE')
  const ratio = (nodeBatch * nodes) / baseBatch
  const rate = base * (isSquareRoot(facts, path) ? Math.sqrt(ratio) : ratio)
  new Scaling(path, rate).rewrite(schedule)
  if (schedule.name === 'composite') warmUp(schedule, base * (nodeBatch / baseBatch), nodes)
  facts.put(path, schedule, RULE)
}

/** `scaling_type` is of VISSL 0.1.6. */
function isSquareRoot(facts: Facts, path: string): boolean {
  const type = facts.get(`${path}.auto_lr_scaling.scaling_type`) ?? 'linear'
  if (type === 'linear' || type === 'sqrt') return type === 'sqrt'
  throw facts.wrong(`${path}.auto_lr_scaling.scaling_type`, '"linear" or "sqrt"')
}

class Scaling {
  readonly #path: string
  readonly #rate: number

  constructor(path: string, rate: number) {
    this.#path = path
    this.#rate = rate
  }

  rewrite(schedule: Tree): void {
    const name = String(schedule.name)
    const rate = this.#rate
    if (name.includes('cosine')) {
      const start = this.#number(schedule, 'start_value')
      if (start === 0) throw this.#unscalable(name, 'its start_value is 0')
      schedule.end_value = rate * (this.#number(schedule, 'end_value') / start)
      schedule.start_value = rate
    } else if (name === 'multistep' || name === 'step') this.#steps(schedule)
    else if (name === 'step_with_fixed_gamma') schedule.base_value = rate
    else if (name === 'linear') schedule.end_value = rate
    else if (name === 'inverse_sqrt') schedule.start_value = rate
    else if (name === 'constant') schedule.value = rate
    else if (name === 'composite') {
      if (children(schedule).length === 0) throw this.#unscalable(name, 'it has no schedulers')
      for (const child of children(schedule)) this.rewrite(child)
    } else throw this.#unscalable(name, 'it has no rule')
  }

  /** Only the first ratio is looked at: other steps become a geometric series, as in the reference. */
  #steps(schedule: Tree): void {
    const { name, values } = schedule
    if (!Array.isArray(values) || !values.every((value) => typeof value === 'number')) {
      throw this.#unscalable(String(name), 'its values are no list of numbers')
    }
    const [first, second] = values
    if (second !== undefined && first === 0) throw this.#unscalable(String(name), 'its first value is 0')
    const gamma = second === undefined ? 1 : round(second / first!, 6)
    schedule.values = values.map((_, i) => round(this.#rate * gamma ** i, 8))
  }

  #number(schedule: Tree, key: string): number {
    const value: Value | undefined = schedule[key]
    if (typeof value === 'number' && Number.isFinite(value)) return value
    throw this.#unscalable(String(schedule.name), `its ${key} is ${JSON.stringify(value)}, no number`)
  }

  #unscalable(name: string, reason: string): VisslError {
    return new VisslError(
      ExitCode.usage,
      `the schedule "${name}" in config.${this.#path} cannot be scaled: ${reason}`,
      `correct it, or set config.${this.#path}.auto_lr_scaling.auto_scale=false`,
    )
  }
}

/**
 * Starts warm-ups at the rate of one machine's batch. On one machine there is nothing to warm up to, and the last
 * warm-up goes; a schedule that remains alone takes the place of the whole.
 */
function warmUp(schedule: Tree, start: number, nodes: number): void {
  const parts = children(schedule)
  const warmUps = parts.filter(({ name }) => name === 'linear')
  if (warmUps.length === 0) return
  for (const part of warmUps) part.start_value = start
  const dropped = nodes === 1 ? warmUps.findLast(({ end_value: end }) => start <= Number(end)) : undefined
  const left = parts.filter((part) => part !== dropped)
  schedule.schedulers = left
  const [only, ...others] = left
  if (only !== undefined && others.length === 0) Object.assign(schedule, copy(only))
}

function children({ schedulers }: Tree): Tree[] {
  return Array.isArray(schedulers) ? schedulers.filter(isTree) : []
}

/** Rounds to a number of decimals; what lies exactly in between goes to the even digit, as in Python. */
function round(value: number, decimals: number): number {
  const exact = Math.abs(value).toFixed(100)
  const rounded = Number(value.toFixed(decimals))
  const tail = exact.slice(exact.indexOf('.') + 1 + decimals)
  const isTie = exact.includes('.') && /^50*$/.test(tail)
  if (!isTie) return rounded
  const lower = exact.slice(0, exact.length - tail.length)
  return /[13579]$/.test(lower) ? rounded : Math.sign(value) * Number(lower)
}
