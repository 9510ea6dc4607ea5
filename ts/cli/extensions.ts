import type { Extensions } from '../config/index.ts'

/**
 * Loads plug-ins and tells the configuration of the losses in them, so that `config.LOSS.NAME.KEY=VALUE` is checked
 * against their parameters. Loads nothing when there are no plug-ins.
 *
 * @param files absolute paths
 * @throws VisslError when a plug-in does not load
 */
export async function extensionsOf(files: readonly string[]): Promise<Extensions> {
  if (files.length === 0) return {}
  const [{ loadPlugins }, { losses }] = await Promise.all([
    import('../launch/plugins.ts'),
    import('../losses/index.ts'),
  ])
  const prefix = 'loss '
  const names = (await loadPlugins(files))
    .filter((part) => part.startsWith(prefix))
    .map((part) => part.slice(prefix.length))
  return Object.fromEntries(names.map((name) => [`LOSS.${name}`, losses.get(name).params]))
}
