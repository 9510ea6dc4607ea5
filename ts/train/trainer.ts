import { setImmediate as yieldToEvents } from 'node:timers/promises'
import type { TrainingBatch } from '../data/index.ts'
import { barrier, largestOf, worldGroup, worldSize } from '../distributed/index.ts'
import { reportMemory, scope } from '../engine/index.ts'
import { ExitCode, VisslError } from '../errors.ts'
import { parseParams } from '../nn/params.ts'
import type { Hook, HookEvent } from './hook.ts'
import type { Task } from './task.ts'
import { type TrainStep, trainSteps } from './train-step.ts'

/** Thrown when a run ends early because it was asked to; the hooks' `onStop` have run. */
export class Stopped extends VisslError {}

/** Steps between two reports of the tensors' memory to V8. */
const REPORT_EVERY = 16

/**
 * Runs all phases that are left: batches, steps and hooks. The event loop gets a turn after every step, so that
 * signals, timers and an embedding application stay alive.
 *
 * @throws Stopped after `task.requestStop`
 * @throws VisslError naming the hook when a hook fails; what there is to save has been saved then
 */
export async function runPhases(task: Task, hooks: readonly Hook[]): Promise<void> {
  const step = trainStepOf(task.config.TRAINER)
  task.hooks = hooks
  task.notify = (event) => {
    for (const hook of hooks) callSync(hook, event, task)
  }
  try {
    await callAll(hooks, 'onStart', task)
    await stopIfAsked(task, hooks)
    while (task.phaseIdx + 1 < task.phases.length) await runPhase(task, hooks, step)
    await callAll(hooks, 'onEnd', task)
  } catch (error) {
    throw await saveAfter(error, task, hooks)
  }
}

function trainStepOf({ TRAIN_STEP_NAME: name, ...blocks }: Task['config']['TRAINER']): TrainStep {
  const kind = trainSteps.get(name)
  const block = (blocks as Readonly<Record<string, unknown>>)[name]
  return new kind((kind.params && parseParams(`train step "${name}"`, kind.params, block)) as never)
}

/** One pass over a split. */
async function runPhase(task: Task, hooks: readonly Hook[], step: TrainStep): Promise<void> {
  task.advancePhase()
  await callAll(hooks, 'onPhaseStart', task)
  let waitedSince = performance.now()
  for await (const batch of task.loader.epoch(task.phaseIdx, task.takeStartBatch())) {
    const begun = performance.now()
    runStep(task, step, batch)
    const ended = performance.now()
    task.clock.wait = begun - waitedSince
    task.clock.step = ended - begun
    if (task.timers.active) {
      task.timers.record({ name: 'read_sample', kind: 'step', start: waitedSince, end: begun })
      task.timers.record({ name: 'train_step_total', kind: 'step', start: waitedSince, end: ended })
    }
    if (task.stepCount++ % REPORT_EVERY === 0) reportMemory()
    await callAll(hooks, 'onStep', task)
    await yieldToEvents()
    // After its last batch a phase ends as it would have: its measurements are worth more than a moment.
    if (batch.index + 1 < task.loader.batches) await stopIfAsked(task, hooks)
    waitedSince = performance.now()
  }
  barrier()
  await callAll(hooks, 'onPhaseEnd', task)
  await stopIfAsked(task, hooks)
}

function runStep(task: Task, step: TrainStep, batch: TrainingBatch): void {
  task.beginStep()
  try {
    scope(() => step.run(task, batch))
  } catch (error) {
    task.abandonStep()
    throw error
  }
}

async function stopIfAsked(task: Task, hooks: readonly Hook[]): Promise<void> {
  if (!task.updates.settled) return
  // All processes stop after the same step, whichever of them was asked.
  const asked = largestOf(worldGroup(), task.stopRequest?.exitCode ?? 0)
  if (asked === 0) return
  task.requestStop('stopped as another process was', asked as ExitCode)
  await callAll(hooks, 'onStop', task)
  const { reason, exitCode } = task.stopRequest!
  const saved = task.lastCheckpoint
  throw new Stopped(
    exitCode,
    `${reason} at step ${task.iteration}; ${saved === undefined ? 'there was nothing to save' : `saved ${saved}`}`,
    saved === undefined
      ? 'start again with the same command'
      : `continue with: the same command and --resume ${saved}`,
  )
}

/**
 * Saves what there is to save after a failure that leaves the model sound: neither a loss that is not finite nor a
 * machine that takes no more files. @returns the error, which says where the run was saved
 */
async function saveAfter(error: unknown, task: Task, hooks: readonly Hook[]): Promise<unknown> {
  const kept: unknown[] = [ExitCode.nonFinite, ExitCode.environment]
  if (error instanceof Stopped || (error instanceof VisslError && kept.includes(error.exitCode))) return error
  // The other processes are elsewhere, and a checkpoint is the work of all.
  if (worldSize() > 1) return error
  const before = task.lastCheckpoint
  for (const hook of hooks) {
    try {
      await hook.onStop?.(task)
    } catch {
      // What ended the run is reported, not what follows from it.
    }
  }
  const saved = task.lastCheckpoint
  if (saved === undefined || saved === before) return error
  const known = error instanceof VisslError ? error : undefined
  const fix = `saved ${saved}; when the cause is mended: the same command and --resume ${saved}`
  return new VisslError(
    known?.exitCode ?? ExitCode.internal,
    error instanceof Error ? error.message : String(error),
    known?.fix === undefined ? fix : `${known.fix}; ${fix}`,
    { cause: error },
  )
}

async function callAll(hooks: readonly Hook[], event: HookEvent, task: Task): Promise<void> {
  for (const hook of hooks) {
    const call = hook[event]
    if (call === undefined) continue
    const start = performance.now()
    try {
      await call.call(hook, task)
    } catch (error) {
      throw hookError(hook, event, task, error)
    } finally {
      recordCall(hook, event, task, start)
    }
  }
}

function callSync(hook: Hook, event: HookEvent, task: Task): void {
  const call = hook[event]
  if (call === undefined) return
  const start = performance.now()
  try {
    call.call(hook, task)
  } catch (error) {
    throw hookError(hook, event, task, error)
  } finally {
    recordCall(hook, event, task, start)
  }
}

function recordCall(hook: Hook, event: HookEvent, task: Task, start: number): void {
  if (!task.timers.active) return
  task.timers.record({ name: `${hook.name} ${event}`, kind: 'hook', start, end: performance.now() })
}

/** An error that a hook meant for the user stays as it is; any other one is named after the hook. */
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
