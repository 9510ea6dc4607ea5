import { setImmediate as yieldToEvents } from 'node:timers/promises'
import { reportMemory, scope } from '../engine/index.ts'
import { ExitCode, VisslError } from '../errors.ts'
import type { Hook, HookEvent } from './hook.ts'
import type { Task } from './task.ts'
import { trainSteps } from './train-step.ts'

/** Thrown when a run ends early because it was asked to; the hooks' `onStop` have run. */
export class Stopped extends VisslError {}

/**
 * Runs all phases that are left: batches, steps and hooks. The event loop gets a turn after every step, so that
 * signals, timers and an embedding application stay alive.
 *
 * @throws Stopped after `task.requestStop`
 * @throws VisslError naming the hook when a hook fails
 */
export async function runPhases(task: Task, hooks: readonly Hook[]): Promise<void> {
  const step = trainSteps.get(task.config.TRAINER.TRAIN_STEP_NAME)
  task.notify = (event) => {
    for (const hook of hooks) callSync(hook, event, task)
  }
  await callAll(hooks, 'onStart', task)
  await stopIfAsked(task, hooks)
  while (task.phaseIdx + 1 < task.phases.length) {
    task.advancePhase()
    await callAll(hooks, 'onPhaseStart', task)
    const loader = task.loader
    let waitedSince = performance.now()
    for await (const batch of loader.epoch(task.phaseIdx, task.takeStartBatch())) {
      const begun = performance.now()
      task.clock.wait = begun - waitedSince
      scope(() => step(task, batch))
      task.clock.step = performance.now() - begun
      if (task.stepCount++ % 16 === 0) reportMemory()
      await callAll(hooks, 'onStep', task)
      await yieldToEvents()
      await stopIfAsked(task, hooks)
      waitedSince = performance.now()
    }
    await callAll(hooks, 'onPhaseEnd', task)
    await stopIfAsked(task, hooks)
  }
  await callAll(hooks, 'onEnd', task)
}

async function stopIfAsked(task: Task, hooks: readonly Hook[]): Promise<void> {
  if (task.stopRequest === undefined) return
  await callAll(hooks, 'onStop', task)
  const { reason, exitCode } = task.stopRequest
  const saved = task.lastCheckpoint
  throw new Stopped(
    exitCode,
    `${reason} at step ${task.iteration}; ${saved === undefined ? 'there was nothing to save' : `saved ${saved}`}`,
    saved === undefined
      ? 'start again with the same command'
      : `continue with: the same command and --resume ${saved}`,
  )
}

async function callAll(hooks: readonly Hook[], event: HookEvent, task: Task): Promise<void> {
  for (const hook of hooks) {
    try {
      await hook[event]?.(task)
    } catch (error) {
      throw hookError(hook, event, task, error)
    }
  }
}

function callSync(hook: Hook, event: HookEvent, task: Task): void {
  try {
    hook[event]?.(task)
  } catch (error) {
    throw hookError(hook, event, task, error)
  }
}

function hookError(hook: Hook, event: HookEvent, task: Task, error: unknown): Error {
  if (error instanceof VisslError && error.exitCode !== ExitCode.internal) return error
  const message = error instanceof Error ? error.message : String(error)
  return new VisslError(
    ExitCode.internal,
    `hook ${hook.name} failed in ${event} at step ${task.iteration}: ${message}`,
    undefined,
    { cause: error },
  )
}
