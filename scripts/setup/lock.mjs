import {
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeSync,
} from 'node:fs'
import { hostname } from 'node:os'
import { dirname } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { removeOnExit } from './cleanup.mjs'

const HEARTBEAT_MS = 5_000
const STALE_MS = 60_000

/**
 * Runs `work` while holding `path` as a lock file, so that two set-ups never build or unpack the same thing.
 * A lock whose process has died (same host), or that was not refreshed for a minute (another host or
 * container on a shared disk), is taken over. `onWait(owner)` is called once when someone else holds it.
 */
export async function withLock(path, work, onWait = () => {}) {
  mkdirSync(dirname(path), { recursive: true })
  let told = false
  while (!tryLock(path)) {
    const owner = readOwner(path)
    if (owner === undefined) continue
    if (isStale(owner)) {
      rmSync(path, { force: true })
      continue
    }
    if (!told) onWait(owner)
    told = true
    await pause(500)
  }
  const forget = removeOnExit(path)
  const heartbeat = setInterval(() => utimesSync(path, new Date(), new Date()), HEARTBEAT_MS)
  heartbeat.unref()
  try {
    return await work()
  } finally {
    clearInterval(heartbeat)
    rmSync(path, { force: true })
    forget()
  }
}

function tryLock(path) {
  try {
    const file = openSync(path, 'wx')
    writeSync(file, JSON.stringify({ pid: process.pid, host: hostname() }))
    closeSync(file)
    return true
  } catch (error) {
    if (error.code === 'EEXIST') return false
    throw error
  }
}

function readOwner(path) {
  try {
    const age = Date.now() - statSync(path).mtimeMs
    const text = readFileSync(path, 'utf8')
    return { ...(text ? JSON.parse(text) : {}), age }
  } catch (error) {
    if (error.code === 'ENOENT') return undefined
    if (error instanceof SyntaxError) return { age: STALE_MS + 1 }
    throw error
  }
}

function isStale({ pid, host, age }) {
  if (age > STALE_MS) return true
  if (host !== hostname() || pid === undefined) return false
  try {
    process.kill(pid, 0)
    return false
  } catch (error) {
    return error.code === 'ESRCH'
  }
}
