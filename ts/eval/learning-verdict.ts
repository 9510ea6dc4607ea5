import { formatNumber, formatPercent } from '../logging/index.ts'
import type { EmbeddingStatistics } from './embedding-statistics.ts'

/** What is wrong with a run, in words, and what to do about it. */
export interface Finding {
  readonly kind: 'collapse' | 'few dimensions' | 'divergence' | 'dead loss' | 'slow loader'
  readonly message: string
  readonly advice: string
}

/** What is known of a run at the moment of judging. */
export interface LearningState {
  /** Newest look at the embeddings; undefined where there are none to look at. */
  readonly now: EmbeddingStatistics | undefined
  /** First look of the run. */
  readonly first: EmbeddingStatistics | undefined
  /** Losses of the newest steps, oldest first. */
  readonly recent: readonly number[]
  /** Mean of the first steps' losses; undefined until there are enough. */
  readonly firstLoss: number | undefined
  /** Largest learning rate of the last step. */
  readonly lr: number
  /** Steps in a row whose learning rates were all 0. */
  readonly restingSteps: number
  /** Share of the newest steps' time that was spent waiting for data, in [0, 1]. */
  readonly dataWait: number
  /** What the loader's threads spend their time on, in words. */
  readonly loader?: string | undefined
  readonly workers: number
  readonly cores: number
}

/** Below this all embeddings are the same but for noise: random ones have a spread near 1. */
const COLLAPSED = 0.05
/** A rank below this share of what is possible (but at least 1.5), and below half of the first, is a space that folds up. */
const FEW_DIMENSIONS = 0.02
/** A loss that has grown by this factor does not come back by itself. */
const DIVERGED = 2
/** A loss that moves less than this, relatively, in all recent steps is dead. */
const DEAD = 1e-6
/** A loader that is waited for longer than this share of the time slows training down. */
const SLOW = 0.25
/** Steps that a network gets to spread embeddings that are alike from the start. */
const SETTLED_STEPS = 100
/** Steps that a judgement of the loss needs. */
export const ENOUGH_STEPS = 20

/** Everything that is wrong; empty for a healthy run. */
export function judge(state: LearningState): Finding[] {
  return [collapse(state), divergence(state), deadLoss(state), slowLoader(state)].filter(
    (finding) => finding !== undefined,
  )
}

function collapse({ now, first, recent }: LearningState): Finding | undefined {
  if (now === undefined) return undefined
  // A network may begin with embeddings that are much alike, and needs some steps to spread them.
  const isSettled = first === undefined || !(now.spread >= first.spread / 2) || recent.length >= SETTLED_STEPS
  if (!(now.spread >= COLLAPSED) && isSettled) {
    return {
      kind: 'collapse',
      message: `collapse: every image gets the same embedding (spread ${formatNumber(now.spread, 2)}, 1 would be even)`,
      advice:
        'lower the learning rate; check that the loss has something that keeps images apart: negatives, prototypes, a predictor or decorrelation',
    }
  }
  if (first === undefined || now.rank >= first.rank / 2) return undefined
  if (now.rank >= Math.max(1.5, FEW_DIMENSIONS * now.rankLimit)) return undefined
  return {
    kind: 'few dimensions',
    message: `the embeddings fold up: they use ${formatNumber(now.rank, 2)} of ${now.rankLimit} dimensions, at first ${formatNumber(first.rank, 2)}`,
    advice: 'lower the learning rate, raise the temperature, or train with a larger batch',
  }
}

function divergence({ recent, firstLoss, lr }: LearningState): Finding | undefined {
  if (firstLoss === undefined || firstLoss <= 0 || recent.length < ENOUGH_STEPS) return undefined
  const mean = meanOf(recent.slice(-ENOUGH_STEPS))
  if (mean < DIVERGED * firstLoss) return undefined
  return {
    kind: 'divergence',
    message: `the loss grows: ${formatNumber(mean)}, at first ${formatNumber(firstLoss)}`,
    advice: `lower the learning rate (now ${formatNumber(lr)}), or lengthen the warm-up`,
  }
}

function deadLoss({ recent, restingSteps }: LearningState): Finding | undefined {
  if (restingSteps >= ENOUGH_STEPS) {
    return {
      kind: 'dead loss',
      message: `nothing is learnt: the learning rate has been 0 for ${restingSteps} steps`,
      advice: 'check config.OPTIMIZER.param_schedulers',
    }
  }
  if (recent.length < 2 * ENOUGH_STEPS) return undefined
  const [low, high] = [Math.min(...recent), Math.max(...recent)]
  if (high - low > DEAD * Math.max(Math.abs(low), Math.abs(high))) return undefined
  return {
    kind: 'dead loss',
    message: `the loss does not move: ${formatNumber(high, 6)} for ${recent.length} steps`,
    advice:
      'check that parameters are trained (NON_TRAINABLE_PARAMS, FREEZE_…), that targets differ, and that the loss uses the output',
  }
}

function slowLoader({ dataWait, workers, cores, recent, loader }: LearningState): Finding | undefined {
  if (dataWait < SLOW || recent.length < ENOUGH_STEPS) return undefined
  const wanted = Math.min(cores, Math.max(workers + 1, Math.ceil(workers / (1 - Math.min(dataWait, 0.9)))))
  return {
    kind: 'slow loader',
    message: `the loader is too slow: ${loader ?? `${formatPercent(dataWait, 0)} of the time is spent waiting for images`}`,
    advice:
      wanted > workers
        ? `config.DATA.NUM_DATALOADER_WORKERS=${wanted} (now ${workers})`
        : 'store smaller images, or leave out costly transforms such as blur',
  }
}

export const meanOf = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length

/** A sentence on the embeddings of a run that nothing is wrong with. */
export function describeHealth(now: EmbeddingStatistics | undefined, isFalling: boolean): string {
  const loss = isFalling ? '↑ learning: the loss falls' : 'the loss has not fallen yet'
  if (now === undefined) return loss
  const how = now.spread > 0.5 ? 'embeddings spread well' : 'embeddings keep apart'
  return `${loss}, ${how} (rank ${Math.round(now.rank)} of ${now.rankLimit}, spread ${formatNumber(now.spread, 2)}), no sign of collapse`
}
