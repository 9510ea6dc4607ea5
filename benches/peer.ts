import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { ExitCode, VisslError } from '../ts/errors.ts'

const folder = fileURLToPath(new URL('./peers/', import.meta.url))

/** The Python of the peers: `VISSL_PEER_PYTHON`, else benches/peers/.venv, else python3 on the PATH. */
export function peerPython(): string {
  const own = `${folder}.venv/bin/python`
  return process.env.VISSL_PEER_PYTHON ?? (existsSync(own) ? own : 'python3')
}

/**
 * Runs a peer script and reads its one JSON line.
 *
 * @typeParam T what the script prints
 * @throws VisslError (environment) when Python or torch is missing, or the script fails
 */
export function runPeer<T>(script: string, args: readonly (string | number)[] = []): T {
  const result = spawnSync(peerPython(), [`${folder}${script}`, ...args.map(String)], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  if (result.status !== 0) {
    const reason = result.error?.message ?? result.stderr.trim().split('\n').at(-1) ?? 'no output'
    throw new VisslError(
      ExitCode.environment,
      `the peer ${script} did not run: ${reason}`,
      'python3 -m venv benches/peers/.venv && benches/peers/.venv/bin/pip install -r benches/peers/requirements.txt',
    )
  }
  return JSON.parse(result.stdout.trim().split('\n').at(-1) ?? '') as T
}

/** The middle value; the mean of the two middle ones for an even count. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}
