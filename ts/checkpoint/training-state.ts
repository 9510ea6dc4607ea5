import { worldGroup } from '../distributed/index.ts'
import { rngState, scope, setRngState } from '../engine/index.ts'
import { ExitCode, VisslError } from '../errors.ts'
import type { SplitState, SslModel } from '../models/index.ts'
import type { Module } from '../nn/index.ts'
import type { AnyOptimizer, GradScaler, OptimizerState } from '../optim/index.ts'
import { freshBytes, type TakeBytes } from './byte-pool.ts'
import {
  dictAt,
  fromStored,
  isDict,
  type Progress,
  restoreTensor,
  storeModule,
  storeStateDict,
  toStored,
} from './contents.ts'
import { gatherRankState, ownState } from './rank-state.ts'
import { loadTorchFile, StoredTensor, type TorchValue } from './torch-file.ts'

/** The parts of a run whose state a checkpoint holds. */
export interface TrainingParts {
  readonly model: SslModel
  readonly loss: Module
  readonly optimizer: AnyOptimizer
  readonly progress: Progress
  /** Whether a training phase is in progress. */
  readonly train: boolean
  /** Loss times rows of the phase's batches. */
  readonly losses: readonly number[]
  /** Rows of those batches together. */
  readonly rows: number
  /** What hooks remember, by the name of the hook. */
  readonly hooks?: Readonly<Record<string, unknown>>
  /** Of mixed precision in float16. */
  readonly scaler?: GradScaler | undefined
}

/** How far a saved run had come. */
export interface SavedProgress {
  readonly progress: Progress
  /** Of the phase in progress, for its mean loss; absent from the reference's files. */
  readonly sums: { losses: number[]; rows: number } | undefined
  /** What hooks remembered, by the name of the hook, as the file holds it. */
  readonly hooks: Readonly<Record<string, TorchValue>>
}

/**
 * The content of a checkpoint under the reference's keys. Every process of a run calls it; the first one's result is
 * the whole run's.
 *
 * @param midEpoch the phase in progress is not done: its index, and in training that of the epoch, is stored reduced
 * by one, so that a resumed run enters it again
 * @param take where the tensors' bytes go
 */
export function captureState(
  parts: TrainingParts,
  midEpoch: boolean,
  take: TakeBytes = freshBytes,
): TorchValue {
  const { model, loss, optimizer, progress, scaler } = parts
  const phase_idx = progress.phaseIdx - (midEpoch ? 1 : 0)
  const train_phase_idx = progress.trainPhaseIdx - (midEpoch && parts.train ? 1 : 0)
  return scope(() => {
    const state = model.splitState()
    const lossState = storeModule(loss, take)
    const ranks = gatherRankState(loss, worldGroup())
    return {
      phase_idx,
      iteration: progress.iteration,
      iteration_num: progress.iteration,
      train_phase_idx,
      loss: lossState,
      classy_state_dict: {
        train: parts.train,
        base_model: {
          model: { trunk: storeStateDict(state.trunk, take), heads: storeStateDict(state.heads, take) },
        },
        meters: [],
        optimizer: { optim: storeOptimizer(optimizer.stateDict(), take) },
        phase_idx,
        train_phase_idx,
        num_updates: progress.numUpdates,
        losses: [...parts.losses],
        hooks: toStored(parts.hooks ?? {}),
        loss: lossState,
        ...(scaler === undefined ? {} : { amp: toStored(scaler.stateDict()) }),
      },
      phase_rows: parts.rows,
      rng_state: { cpu: toStored(rngState()) },
      ...(ranks === undefined ? {} : { ranks: { ...ranks } }),
    }
  })
}

/**
 * Puts a run back to where a checkpoint was written.
 *
 * @returns how far the run had come
 * @throws VisslError when the file is missing, damaged, no checkpoint, or of another model
 */
export function restoreState(
  path: string,
  parts: Pick<TrainingParts, 'model' | 'loss' | 'optimizer' | 'scaler'>,
): SavedProgress {
  const content = loadTorchFile(path, { verify: true })
  const outer = dictAt(content, [], path)
  const inner = dictAt(content, ['classy_state_dict'], path)
  const saved = dictAt(content, ['classy_state_dict', 'base_model', 'model'], path)
  scope(() => {
    parts.model.loadSplitState({
      trunk: stateOf(saved.trunk, path, 'trunk'),
      heads: stateOf(saved.heads, path, 'heads'),
    })
    const own = ownState(outer.ranks, worldGroup(), path)
    parts.loss.loadStateDict({ ...stateOf(outer.loss, path, 'loss'), ...own.loss })
    parts.optimizer.loadStateDict(
      fromStored(dictAt(content, ['classy_state_dict', 'optimizer', 'optim'], path)) as OptimizerState,
    )
    if (parts.scaler !== undefined && isDict(inner.amp)) {
      parts.scaler.loadStateDict(fromStored(inner.amp) as Record<string, unknown>)
    }
    const random = dictAt(content, ['rng_state'], path).cpu
    if (own.rngState !== undefined) setRngState(own.rngState)
    else if (random instanceof StoredTensor) setRngState(restoreTensor(random))
  })
  return {
    progress: {
      phaseIdx: integer(outer.phase_idx, path, 'phase_idx'),
      trainPhaseIdx: integer(outer.train_phase_idx, path, 'train_phase_idx'),
      iteration: integer(outer.iteration, path, 'iteration'),
      numUpdates: integer(inner.num_updates, path, 'classy_state_dict.num_updates'),
    },
    sums: sumsOf(inner.losses, outer.phase_rows),
    hooks: isDict(inner.hooks) ? dictAt(content, ['classy_state_dict', 'hooks'], path) : {},
  }
}

function sumsOf(losses: TorchValue | undefined, rows: TorchValue | undefined): SavedProgress['sums'] {
  const known = Array.isArray(losses) && losses.every((loss) => typeof loss === 'number')
  return known && typeof rows === 'number' ? { losses: losses as number[], rows } : undefined
}

/** In PyTorch's layout, where parameters are numbered: the keys of `state` are ints. */
function storeOptimizer({ state, param_groups }: OptimizerState, take: TakeBytes): TorchValue {
  const numbered = Object.entries(state).map(([index, own]) => [Number(index), toStored(own, take)] as const)
  return { state: new Map<TorchValue, TorchValue>(numbered), param_groups: toStored(param_groups) }
}

function stateOf(value: TorchValue | undefined, path: string, name: string): SplitState['trunk'] {
  const restored = value === undefined ? undefined : fromStored(value)
  if (typeof restored !== 'object' || restored === null) {
    throw new VisslError(
      ExitCode.data,
      `${path} has no ${name} weights`,
      'give a file that vissl train saved',
    )
  }
  return restored as SplitState['trunk']
}

function integer(value: TorchValue | undefined, path: string, key: string): number {
  if (typeof value === 'number' && Number.isInteger(value)) return value
  if (typeof value === 'bigint') return Number(value)
  throw new VisslError(
    ExitCode.data,
    `${path}: ${key} is no whole number`,
    'give a file that vissl train saved',
  )
}
