import type { z } from 'zod'
import { Registry } from '../registry.ts'
import type { Task } from './task.ts'

/** The moments of training at which hooks are called, in the order of one step. */
export const hookEvents = [
  'onStart',
  'onPhaseStart',
  'onForward',
  'onLossAndMeter',
  'onBackward',
  'onUpdate',
  'onStep',
  'onPhaseEnd',
  'onStop',
  'onEnd',
] as const

export type HookEvent = (typeof hookEvents)[number]

/**
 * Something that is done beside training: logging, saving, checking, a loss's own bookkeeping. Hooks run in the order
 * of their registration. Events inside a step are synchronous; tensors made there live until the step's end.
 *
 * A plug-in exports a class that extends this one with a `static key` and, where it has parameters, a zod schema
 * `static params`. It is used when `HOOKS.EXTRA` names it; the parameters come from the block `HOOKS.<key>`.
 *
 * @example
 * export class Heartbeat extends Hook {
 *   static readonly key = 'heartbeat'
 *   readonly name = Heartbeat.key
 *   override onPhaseEnd(task: Task): void {
 *     writeFileSync('heartbeat', String(task.iteration))
 *   }
 * }
 */
export abstract class Hook {
  /** How messages call it. */
  abstract readonly name: string
  /** Once, before the first phase. */
  onStart?(task: Task): void | Promise<void>
  /** Before the first batch of an epoch of training or testing. */
  onPhaseStart?(task: Task): void | Promise<void>
  /** After the model's forward, before the loss; `task.step.output` is set. */
  onForward?(task: Task): void
  /** After the loss; `task.step.loss` is set. */
  onLossAndMeter?(task: Task): void
  /** After the backward pass, before the update. */
  onBackward?(task: Task): void
  /** After the optimizer's update. */
  onUpdate?(task: Task): void
  /** After every step of either kind, outside of its scope. */
  onStep?(task: Task): void | Promise<void>
  /** After the last batch of a phase. */
  onPhaseEnd?(task: Task): void | Promise<void>
  /** When a stop was asked for, after the step in progress; training ends after it. */
  onStop?(task: Task): void | Promise<void>
  /** After the last phase. */
  onEnd?(task: Task): void | Promise<void>
  /** When the run is over, however it ended: lets go of what the hook holds. */
  free?(): void
}

/** A registrable hook. */
export interface HookClass {
  readonly key: string
  readonly params?: z.ZodType
  // biome-ignore lint/suspicious/noExplicitAny: each hook takes the output of its own schema, checked before
  new (params?: any): Hook
}

/** Hooks of plug-ins by the name in `HOOKS.EXTRA`. */
export const hooks = new Registry<HookClass>('hook')
