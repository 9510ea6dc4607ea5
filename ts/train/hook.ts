import type { z } from 'zod'
import type { Tensor } from '../engine/index.ts'
import { ExitCode, VisslError } from '../errors.ts'
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

/** What a hook remembers, by name: whatever a checkpoint can hold. Maps have text for keys. */
export type HookState = Readonly<Record<string, HookStateValue>>

export type HookStateValue =
  | number
  | string
  | boolean
  | null
  | Tensor
  | readonly HookStateValue[]
  | { readonly [key: string]: HookStateValue }

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
  /** What a checkpoint shall hold of it. Of several processes the first one's state is saved. */
  stateDict?(): HookState
  /**
   * Goes on from what {@link stateDict} gave, before `onStart`. Tensors live until it returns: copy what is kept.
   *
   * @throws anything, where the state does not fit
   */
  loadStateDict?(state: HookState): void
  /** When the run is over, however it ended: lets go of what the hook holds. */
  free?(): void
}

/** A registrable hook. */
export interface HookClass {
  readonly key: string
  readonly params?: z.ZodType
  /** It is given what its own schema makes of the block `HOOKS.<key>`. */
  new (params: never): Hook
}

/** What hooks want to be saved, by their names. @throws VisslError when two of them have the same name */
export function statesOf(hooks: readonly Hook[]): Record<string, HookState> {
  const states: Record<string, HookState> = {}
  for (const hook of hooks) {
    const state = hook.stateDict?.()
    if (state === undefined) continue
    if (Object.hasOwn(states, hook.name)) {
      throw new VisslError(
        ExitCode.usage,
        `two hooks that save their state are named "${hook.name}"`,
        'give each a name of its own',
      )
    }
    states[hook.name] = state
  }
  return states
}

/** Hooks of plug-ins by the name in `HOOKS.EXTRA`. */
export const hooks = new Registry<HookClass>('hook')
