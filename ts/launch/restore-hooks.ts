import { fromStored } from '../checkpoint/contents.ts'
import type { SavedProgress } from '../checkpoint/training-state.ts'
import { noGrad, scope } from '../engine/index.ts'
import { ExitCode, VisslError } from '../errors.ts'
import type { Hook, HookState } from '../train/hook.ts'

/**
 * Gives hooks back what they remembered. A hook that the checkpoint does not know starts anew.
 *
 * @throws VisslError naming the hook whose state does not fit
 */
export function restoreHooks(hooks: readonly Hook[], saved: SavedProgress['hooks']): void {
  for (const hook of hooks) {
    const state = saved[hook.name]
    if (state === undefined || hook.loadStateDict === undefined) continue
    try {
      noGrad(() => scope(() => hook.loadStateDict?.(fromStored(state) as HookState)))
    } catch (error) {
      if (error instanceof VisslError) throw error
      throw new VisslError(
        ExitCode.data,
        `hook ${hook.name} cannot go on from its state in the checkpoint: ${error instanceof Error ? error.message : String(error)}`,
        'resume with the plug-in that the run was started with, or leave the hook out of config.HOOKS.EXTRA',
        { cause: error },
      )
    }
  }
}
