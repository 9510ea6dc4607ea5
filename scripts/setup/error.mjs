/**
 * A set-up failure that the user can act on: `message` says what is missing or broken, `fix` what to do.
 * The scripts print both and exit with `exitCode` (5: the machine lacks something, see ts/errors.ts).
 */
export class SetupError extends Error {
  exitCode = 5

  constructor(message, fix, options) {
    super(message, options)
    this.name = 'SetupError'
    this.fix = fix
  }
}

/** Whether a tool's output says that a server could not be reached. */
export function looksLikeNetworkFailure(text) {
  return /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|Could ?n.t resolve|Could not resolve|Temporary failure in name resolution|Failed to establish a new connection|Connection (timed out|refused|reset)|Network is unreachable|Read timed out|ProxyError|fetch failed|spurious network error/i.test(
    text,
  )
}

export const NETWORK_FIX =
  'Check the network connection; behind a proxy set HTTPS_PROXY (npm, pip and cargo read it), then run the same command again: what has already been fetched is kept.'
