import { homedir } from 'node:os'
import { join } from 'node:path'

/** The user's cache: `VISSL_CACHE`, else `XDG_CACHE_HOME/vissl`, else `~/.cache/vissl`. */
export function userCache(env: NodeJS.ProcessEnv = process.env): string {
  if (env.VISSL_CACHE) return env.VISSL_CACHE
  return join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'vissl')
}
