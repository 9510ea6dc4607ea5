import { ExitCode } from '../errors.ts'
import { ClusterMemoryHook, InitMemoryHook } from '../hooks/losses/deepcluster.ts'
import { lossHooks } from '../hooks/losses/index.ts'
import type { Hook } from '../train/hook.ts'
import type { Task } from '../train/task.ts'
import { runPhases, Stopped } from '../train/trainer.ts'

/**
 * Does the first step of a run and no more, with nothing of it written: what data, model, loss and optimizer cannot do
 * together shows now. The task is of no use afterwards.
 *
 * @throws VisslError for what the first step would end with; Stopped where a signal came meanwhile
 */
export async function rehearse(task: Task): Promise<void> {
  // What goes through all images first is left out.
  const own = lossHooks(task).filter(
    (hook) => !(hook instanceof InitMemoryHook || hook instanceof ClusterMemoryHook),
  )
  let isDone = false
  const stop: Hook = {
    name: 'rehearsal',
    onStep() {
      isDone = task.stopRequest === undefined
      task.requestStop('rehearsed', ExitCode.terminated)
    },
  }
  try {
    await runPhases(task, [...own, stop])
  } catch (error) {
    if (!(error instanceof Stopped && isDone)) throw error
  } finally {
    for (const hook of own) hook.free?.()
  }
}
