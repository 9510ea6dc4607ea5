import { spawn, spawnSync } from 'node:child_process'
import { stopOnExit } from './cleanup.mjs'

/** Standard output of a quick command, or undefined where it is missing or fails. */
export function capture(command, args, options = {}) {
  const result = spawnSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], ...options })
  return result.status === 0 ? result.stdout.trim() : undefined
}

/**
 * Runs a long command with its output collected. Resolves to `{ code, output }`; `onText` sees the output as
 * it comes. `code` is 127 where the command does not exist.
 */
export function run(command, args, { onText, ...options } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options })
    stopOnExit(child)
    let output = ''
    const collect = (chunk) => {
      output += chunk
      onText?.(String(chunk))
    }
    child.stdout.on('data', collect)
    child.stderr.on('data', collect)
    child.on('error', (error) => resolve({ code: error.code === 'ENOENT' ? 127 : 1, output: String(error) }))
    child.on('close', (code, signal) => resolve({ code: code ?? (signal === 'SIGINT' ? 130 : 1), output }))
  })
}

/** The last `count` non-empty lines, for an error message. */
export function tail(text, count = 25) {
  return text
    .split(/\r?\n|\r/)
    .filter((line) => line.trim())
    .slice(-count)
    .join('\n')
}
