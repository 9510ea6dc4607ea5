import type { Progress } from '../checkpoint/contents.ts'
import type { Config } from '../config/index.ts'
import type { Loader } from '../data/index.ts'
import { rank } from '../distributed/index.ts'
import { ExitCode, VisslError } from '../errors.ts'
import type { Loss } from '../losses/index.ts'
import type { Meter } from '../meters/index.ts'
import type { SslModel } from '../models/index.ts'
import type { AnyOptimizer, LearningRates } from '../optim/index.ts'
import { BatchTimes } from './batch-times.ts'
import type { Hook, HookEvent } from './hook.ts'
import type { Phase } from './phases.ts'
import type { Precision } from './precision.ts'
import type { StepState } from './step-state.ts'
import { Timers } from './timers.ts'
import type { Updates } from './updates.ts'

export interface StopRequest {
  readonly reason: string
  readonly exitCode: ExitCode
}

/** The parts of a run, put together by `launch`. */
export interface TaskParts {
  readonly config: Config
  readonly model: SslModel
  readonly loss: Loss
  readonly optimizer: AnyOptimizer
  readonly rates: LearningRates
  readonly updates: Updates
  readonly precision: Precision
  readonly meters: readonly Meter[]
  readonly phases: readonly Phase[]
  readonly trainLoader: Loader | undefined
  readonly testLoader: Loader | undefined
}

// Declaration merging gives the class the fields of its parts, which the constructor assigns together.
export interface Task extends TaskParts {}

/** A run: its parts and how far it has come. Hooks read it, the trainer moves it on. */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: the constructor assigns every merged field
export class Task implements Progress {
  /** Index of the phase in progress, training and test phases counted; −1 before the first. */
  phaseIdx = -1
  trainPhaseIdx = -1
  /** Training batches so far; from `onForward` of `train-iteration` on the current one is counted. */
  iteration = 0
  /** Training samples so far: the global batch size times steps. */
  numUpdates = 0
  /** Steps of this process, of both kinds. */
  stepCount = 0
  /** Batches of the phase so far. */
  batches = 0
  /** Loss times rows of every batch of the phase. */
  losses: number[] = []
  /** Rows of those batches together. */
  rows = 0
  step: StepState = undefined as never
  /** Milliseconds that the last step took, and that it waited for its batch. */
  readonly clock = { wait: 0, step: 0 }
  readonly batchTimes = new BatchTimes()
  readonly timers = new Timers()
  /** Path of the newest checkpoint that this process wrote. */
  lastCheckpoint: string | undefined
  stopRequest: StopRequest | undefined
  /** Set by the trainer: what runs beside the steps. */
  hooks: readonly Hook[] = []
  /** Set by the trainer: calls all hooks inside a step. */
  notify: (event: HookEvent) => void = () => {}
  #startBatch = 0
  #begun = { iteration: 0, numUpdates: 0, updates: 0 }
  /** Sums of an interrupted phase, for the phase that goes on with it. */
  #unfinished: { losses: number[]; rows: number } | undefined

  constructor(parts: TaskParts) {
    Object.assign(this, parts)
  }

  /** Whether the phase in progress trains. */
  get train(): boolean {
    return this.phases[this.phaseIdx]?.train ?? false
  }

  /** The loader of the phase in progress. */
  get loader(): Loader {
    const loader = this.train ? this.trainLoader : this.testLoader
    if (loader === undefined) throw new VisslError(ExitCode.internal, `phase ${this.phaseIdx} has no data`)
    return loader
  }

  /** The configuration of the split in progress. */
  get split(): Config['DATA']['TRAIN'] | Config['DATA']['TEST'] {
    return this.train ? this.config.DATA.TRAIN : this.config.DATA.TEST
  }

  /** This process's place in the run, from 0. */
  get rank(): number {
    return rank()
  }

  /** Images of a step over all processes, views not counted. */
  get globalBatchSize(): number {
    return this.loader.batchSize
  }

  get trainPhases(): number {
    return this.phases.filter((phase) => phase.train).length
  }

  /** Batches of the whole run: training ones, or test ones where nothing is trained. */
  get maxIteration(): number {
    const { phases, trainPhases, trainLoader, testLoader } = this
    return trainPhases > 0
      ? trainPhases * (trainLoader?.batches ?? 0)
      : phases.length * (testLoader?.batches ?? 0)
  }

  /** Progress through training, from 0 to just below 1. */
  get where(): number {
    return this.numUpdates / this.globalBatchSize / this.maxIteration
  }

  /** Mean of the phase's losses, each batch by its rows; 0 before the first batch. */
  get meanLoss(): number {
    return this.rows === 0 ? 0 : this.losses.reduce((sum, value) => sum + value, 0) / this.rows
  }

  /** Whether the phase in progress measures its outputs. */
  get metered(): boolean {
    return this.meters.length > 0 && (!this.train || this.config.METERS.enable_training_meter)
  }

  /** Whether every training batch of the epoch in progress has been seen. */
  get epochDone(): boolean {
    return this.iteration === (this.trainPhaseIdx + 1) * (this.trainLoader?.batches ?? 0)
  }

  /** Enters the next phase. */
  advancePhase(): void {
    this.phaseIdx++
    this.losses = this.#unfinished?.losses ?? []
    this.rows = this.#unfinished?.rows ?? 0
    this.#unfinished = undefined
    for (const meter of this.meters) meter.reset()
    if (this.train) this.trainPhaseIdx++
    this.model.train(this.train)
    if (this.train) this.rates.beforeEpoch(this.where)
  }

  /** Continues where a checkpoint was written, also in the middle of an epoch. */
  resumeAt(progress: Progress, sums?: { losses: number[]; rows: number }): void {
    this.phaseIdx = progress.phaseIdx
    this.trainPhaseIdx = progress.trainPhaseIdx
    this.iteration = progress.iteration
    this.numUpdates = progress.numUpdates
    const batches = this.trainLoader?.batches ?? 0
    this.#startBatch = Math.max(0, progress.iteration - (progress.trainPhaseIdx + 1) * batches)
    if (this.#startBatch > 0 && sums !== undefined) this.#unfinished = sums
  }

  /** Notes where a step begins, for {@link abandonStep}. */
  beginStep(): void {
    this.#begun = { iteration: this.iteration, numUpdates: this.numUpdates, updates: this.updates.count }
  }

  /**
   * Makes the counts true again after a step that failed on its way: it counts when its update was done, and else it
   * does not.
   */
  abandonStep(): void {
    const { iteration, numUpdates, updates } = this.#begun
    const updated = this.updates.count > updates
    this.iteration = iteration + (updated ? 1 : 0)
    this.numUpdates = numUpdates + (updated ? this.globalBatchSize : 0)
  }

  /** The first batch of the phase: 0 but for the first phase after a resume. */
  takeStartBatch(): number {
    const start = this.train ? this.#startBatch : 0
    this.#startBatch = 0
    return start
  }

  /** Ends the loaders and frees parameters, buffers and the optimizer's state. */
  free(): void {
    this.trainLoader?.[Symbol.dispose]()
    this.testLoader?.[Symbol.dispose]()
    this.optimizer.free()
    this.model.free()
    this.loss.free()
  }

  /** Asks for an end after the step in progress. */
  requestStop(reason: string, exitCode: ExitCode): void {
    this.stopRequest ??= { reason, exitCode }
  }
}
