import type { ExitCode } from '../errors.ts'

/** A run has begun, or gone on. */
export interface StartEvent {
  readonly type: 'start'
  /** The run's folder, absolute. */
  readonly folder: string
  /** Training steps of the whole run. */
  readonly steps: number
  readonly epochs: number
  /** Steps that were done before, where a run goes on; else 0. */
  readonly step: number
}

/** A training step is done. */
export interface StepEvent {
  readonly type: 'step'
  /** Training steps so far, from 1. */
  readonly step: number
  /** Training steps of the whole run. */
  readonly steps: number
  /** Share of the run's steps that are done, in (0, 1]. */
  readonly done: number
  /** The epoch in progress, from 1. */
  readonly epoch: number
  /** Mean over all processes. */
  readonly loss: number
  /** Learning rate of the first parameter group. */
  readonly lr: number
  /** Of all processes together, over the last steps; views are not counted. */
  readonly imagesPerSecond: number
  /** Seconds until training ends at this speed; 0 where the speed is not known yet. */
  readonly eta: number
}

/** An epoch of training, or a pass of testing, begins or ends. */
export interface PhaseEvent {
  readonly type: 'phase'
  readonly phase: 'train' | 'test'
  readonly state: 'begin' | 'end'
  /** From 1. */
  readonly epoch: number
  readonly epochs: number
  /** Mean loss of the phase, at its end. */
  readonly loss?: number
}

/** How well neighbours in feature space share a class. */
export interface KnnEvent {
  readonly type: 'knn'
  /** `raw pixels`, `untrained network` or `epoch N`. */
  readonly what: string
  /** Epochs trained; absent for raw pixels. */
  readonly epoch?: number
  /** Test images that were classified rightly, in percent. */
  readonly top1: number
  readonly top5: number
}

/** A checkpoint is complete on the disk. */
export interface CheckpointEvent {
  readonly type: 'checkpoint'
  /** Absolute. */
  readonly path: string
}

/** What the command line would show as a line. */
export interface LogEvent {
  readonly type: 'log'
  readonly level: 'info' | 'warning' | 'error'
  readonly message: string
}

/** The last event of a run that did not fail. */
export interface EndEvent {
  readonly type: 'end'
  /** Absent where a run was stopped before it had one. */
  readonly folder?: string
  /** The newest complete checkpoint. */
  readonly checkpoint?: string
  /** Whether it was asked to end before its last step. */
  readonly stopped: boolean
}

/** What a run tells the app that started it. Told apart by `type`. */
export type TrainingEvent =
  | StartEvent
  | StepEvent
  | PhaseEvent
  | KnnEvent
  | CheckpointEvent
  | LogEvent
  | EndEvent

/** What the training process sends to the app: events, and answers that are no events. */
export type TrainingMessage =
  | { readonly type: 'event'; readonly event: TrainingEvent }
  /** Where the run writes, and the checkpoint it goes on from. */
  | { readonly type: 'placed'; readonly folder: string; readonly checkpoint: string | undefined }
  | { readonly type: 'paused' }
  /** To the next `count` commands to save; no path where there was nothing to save. */
  | { readonly type: 'saved'; readonly count: number; readonly path: string | undefined }
  | {
      readonly type: 'failure'
      readonly exitCode: ExitCode
      readonly message: string
      readonly fix: string | undefined
    }

/** What the app asks of the training process. */
export interface TrainingCommand {
  readonly type: 'command'
  readonly command: 'pause' | 'resume' | 'save' | 'stop'
}
