import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { ExitCode, VisslError } from '../errors.ts'

const require = createRequire(import.meta.url)

/** Where set-up puts the addons, whether this runs from `ts/` or from `dist/`. */
export const nativeFolder = fileURLToPath(new URL('../../native/', import.meta.url))

/** The exports of the addon that needs no libtorch; each room declares the part that it uses. */
export type HostAddon = Record<string, unknown>

let addon: HostAddon | undefined

/**
 * The addon for data, checkpoint files and loading, which works without libtorch.
 *
 * @typeParam T the part of its exports that the caller uses
 * @throws VisslError when it is not built
 */
export function host<T = HostAddon>(): T {
  addon ??= loadAddon<HostAddon>(process.env.VISSL_HOST_ADDON ?? `${nativeFolder}host.node`)
  return addon as T
}

/** @throws VisslError when the addon that needs no libtorch does not load */
export function requireHost(): void {
  host()
}

/** Requires a native addon. @throws VisslError that says how to build it */
export function loadAddon<T>(path: string): T {
  if (!existsSync(path)) {
    throw new VisslError(
      ExitCode.environment,
      `the native part of vissl is missing: ${path}`,
      `build it with: npm run setup`,
    )
  }
  try {
    return require(path) as T
  } catch (error) {
    throw new VisslError(
      ExitCode.environment,
      `the native part of vissl does not load: ${(error as Error).message}`,
      `build it again with: npm run setup -- --force`,
      { cause: error },
    )
  }
}
