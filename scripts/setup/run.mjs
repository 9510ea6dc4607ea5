import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { SetupError } from './error.mjs'
import { setUp } from './main.mjs'

/** The checkout that these scripts belong to. */
export const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '')

/** Sets up; prints the fix and ends the process with the error's code where that fails. */
export async function setUpOrExit() {
  try {
    return await setUp(root)
  } catch (error) {
    if (!(error instanceof SetupError)) throw error
    console.error(`\nvissl ✖ ${error.message}\n  fix: ${error.fix}`)
    process.exit(error.exitCode)
  }
}

/** Runs a command on this terminal and ends with its exit code. Signals reach it by themselves, so it says goodbye. */
export function become(command, args, options = {}) {
  const child = spawn(command, args, { stdio: 'inherit', cwd: root, ...options })
  for (const signal of ['SIGINT', 'SIGTERM']) {
    process.removeAllListeners(signal)
    process.on(signal, () => {
      if (signal === 'SIGTERM') child.kill(signal)
    })
  }
  child.on('close', (code, signal) =>
    process.exit(code ?? (signal === 'SIGINT' ? 130 : signal === 'SIGTERM' ? 143 : 1)),
  )
  child.on('error', (error) => {
    console.error(`cannot run ${command}: ${error.message}`)
    process.exit(1)
  })
}
