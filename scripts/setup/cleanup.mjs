import { existsSync, rmSync } from 'node:fs'

const pending = new Set()
const children = new Set()
let installed = false

/**
 * Removes `path` when the process ends for any reason but SIGKILL, unless `forget(path)` came first.
 * Used for every half-made folder and lock, so that Ctrl-C leaves nothing behind.
 */
export function removeOnExit(path) {
  install()
  pending.add(path)
  return () => pending.delete(path)
}

/** Stops `child` (with SIGTERM) when this process is interrupted. */
export function stopOnExit(child) {
  install()
  children.add(child)
  child.once('close', () => children.delete(child))
}

function install() {
  if (installed) return
  installed = true
  process.on('exit', () => {
    for (const child of children) child.kill('SIGTERM')
    for (const path of pending) if (existsSync(path)) rmSync(path, { recursive: true, force: true })
  })
  const leave = (signal, code) =>
    process.on(signal, () => {
      process.stderr.write('\nStopped; nothing half-done was kept. Run the same command again to go on.\n')
      process.exit(code)
    })
  leave('SIGINT', 130)
  leave('SIGTERM', 143)
}
