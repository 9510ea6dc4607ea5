import type { Progress } from '../checkpoint/contents.ts'
import type { Config } from '../config/index.ts'
import type { Loader, TrainingBatch } from '../data/index.ts'
import type { Tensor } from '../engine/index.ts'
import { ExitCode, VisslError } from '../errors.ts'
import type { Loss } from '../losses/index.ts'
import type { Meter } from '../meters/index.ts'
import type { SslModel } from '../models/index.ts'
import type { AnyOptimizer, LearningRates } from '../optim/index.ts'
import type { HookEvent } from './hook.ts'
import type { Phase } from './phases.ts'

/** What one step has produced so far; tensors live until its end. */
export interface StepState {
  batch: TrainingBatch
  target: Tensor
  /** What the model gave; a list of one is unwrapped. */
  output: Tensor | Tensor[] | undefined
  /** NaN before the loss is known. */
  loss: number
  /** Images of the batch, each counted once whatever the number of its views. */
  batchSize: number
}

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
  readonly meters: readonly Meter[]
  readonly phases: readonly Phase[]
  readonly trainLoader: Loader | undefined
  readonly testLoader: Loader | undefined
}

/** A run: its parts and how far it has come. Hooks read it, the trainer moves it on. */
export class Task implements Progress {
  readonly config: Config
  readonly model: SslModel
  readonly loss: Loss
  readonly optimizer: AnyOptimizer
  readonly rates: LearningRates
  readonly meters: readonly Meter[]
  readonly phases: readonly Phase[]
  readonly trainLoader: Loader | undefined
  readonly testLoader: Loader | undefined

  phaseIdx = -1
  trainPhaseIdx = -1
  iteration = 0
  numUpdates = 0
  /** Steps of this process, of both kinds. */
  stepCount = 0
  /** Loss times rows of every batch of the phase. */
  losses: number[] = []
  /** Rows of those batches together. */
  rows = 0
  step: StepState = undefined as never
  /** Milliseconds that the last step took, and that it waited for its batch. */
  readonly clock = { wait: 0, step: 0 }
  /** Path of the newest checkpoint that this process wrote. */
  lastCheckpoint: string | undefined
  stopRequest: StopRequest | undefined
  /** Set by the trainer: calls all hooks inside a step. */
  notify: (event: HookEvent) => void = () => {}
  #startBatch = 0

  constructor(parts: TaskParts) {
    this.config = parts.config
    this.model = parts.model
    this.loss = parts.loss
    this.optimizer = parts.optimizer
    this.rates = parts.rates
    this.meters = parts.meters
    this.phases = parts.phases
    this.trainLoader = parts.trainLoader
    this.testLoader = parts.testLoader
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

  get globalBatchSize(): number {
    return this.loader.batchSize
  }

  get trainPhases(): number {
    return this.phases.filter((phase) => phase.train).length
  }

  /** Optimizer steps of the whole run. */
  get maxIteration(): number {
    return this.trainPhases * (this.trainLoader?.batches ?? 0)
  }

  /** Progress through training, from 0 to just below 1. */
  get where(): number {
    return this.numUpdates / this.globalBatchSize / this.maxIteration
  }

  /** Enters the next phase. */
  advancePhase(): void {
    this.phaseIdx++
    this.losses = []
    this.rows = 0
    for (const meter of this.meters) meter.reset()
    if (this.train) this.trainPhaseIdx++
    this.model.train(this.train)
    if (this.train) this.rates.beforeEpoch(this.where)
  }

  /** Continues where a checkpoint was written, also in the middle of an epoch. */
  resumeAt(progress: Progress): void {
    this.phaseIdx = progress.phaseIdx
    this.trainPhaseIdx = progress.trainPhaseIdx
    this.iteration = progress.iteration
    this.numUpdates = progress.numUpdates
    this.#startBatch = Math.max(
      0,
      progress.iteration - (progress.trainPhaseIdx + 1) * (this.trainLoader?.batches ?? 0),
    )
  }

  /** The first batch of the phase: 0 but for the first phase after a resume. */
  takeStartBatch(): number {
    const start = this.train ? this.#startBatch : 0
    this.#startBatch = 0
    return start
  }

  /** Ends the loaders and frees parameters, buffers and the optimizer's state. */
  free(): void {
    this.trainLoader?.stop()
    this.testLoader?.stop()
    this.optimizer.free()
    this.model.free()
    this.loss.free()
  }

  /** Asks for an end after the step in progress. */
  requestStop(reason: string, exitCode: ExitCode): void {
    this.stopRequest ??= { reason, exitCode }
  }
}
