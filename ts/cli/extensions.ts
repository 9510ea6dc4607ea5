import type { Extensions } from '../config/index.ts'

/**
 * Loads plug-ins and tells the configuration of the losses, meters, hooks and train steps in them, so that
 * `config.LOSS.NAME.KEY=VALUE` is checked against their parameters. Loads nothing when there are no plug-ins.
 *
 * @param files absolute paths
 * @throws VisslError when a plug-in does not load
 */
export async function extensionsOf(files: readonly string[]): Promise<Extensions> {
  if (files.length === 0) return {}
  const [{ loadPlugins }, { losses }, { meters }, { hooks }, { trainSteps }] = await Promise.all([
    import('../launch/plugins.ts'),
    import('../losses/index.ts'),
    import('../meters/index.ts'),
    import('../train/hook.ts'),
    import('../train/train-step.ts'),
  ])
  const parts = await loadPlugins(files)
  const blocks = { LOSS: losses, METERS: meters, HOOKS: hooks, TRAINER: trainSteps }
  return Object.fromEntries(
    Object.entries(blocks).flatMap(([block, registry]) => {
      const prefix = `${registry.kind} `
      const names = parts.filter((part) => part.startsWith(prefix)).map((part) => part.slice(prefix.length))
      return names.flatMap((name) => {
        const { params } = registry.get(name)
        return params === undefined ? [] : [[`${block}.${name}`, params] as const]
      })
    }),
  )
}
