import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import type { ExecutionContext } from 'ava'
import { tiny } from '../train/_run.ts'

const main = fileURLToPath(new URL('../../ts/cli/main.ts', import.meta.url))
const loader = import.meta.resolve('@oxc-node/core/register')

/** Node, and its arguments in front of a TypeScript file. */
export const nodeArguments = (file: string): string[] => [`--import=${loader}`, file]

/** A folder that is removed after the test. */
export function scratch(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'vissl-process-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

export interface Ended {
  code: number | null
  out: string
  err: string
}

/** A child process whose output can be waited for. */
export class Child {
  readonly process: ChildProcessByStdio<null, Readable, Readable>
  readonly ended: Promise<Ended>
  out = ''
  err = ''
  #isOver = false
  #check: () => void = () => {}

  constructor(command: string, args: readonly string[], cwd: string, env: Record<string, string> = {}) {
    const { FORCE_COLOR, ...inherited } = process.env
    this.process = spawn(command, args, {
      cwd,
      env: { ...inherited, NO_COLOR: '1', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.process.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.out += text
      this.#check()
    })
    this.process.stderr.setEncoding('utf8').on('data', (text: string) => (this.err += text))
    this.ended = new Promise((resolve, reject) => {
      this.process.on('error', reject)
      this.process.on('close', (code) => {
        this.#isOver = true
        this.#check()
        resolve({ code, out: this.out, err: this.err })
      })
    })
  }

  /** Until standard output matches. @throws Error when the process ends before */
  async printed(pattern: RegExp): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#check = () => {
        if (pattern.test(this.out)) resolve()
        else if (this.#isOver) reject(new Error(`ended without ${pattern}:\n${this.out}\n${this.err}`))
      }
      this.#check()
    })
  }

  kill(signal: 'SIGINT' | 'SIGTERM'): void {
    this.process.kill(signal)
  }
}

export interface VisslOptions {
  env?: Record<string, string>
  /** A shell line that runs `"$@"`, the command proper. */
  shell?: string
  /** What runs that shell. */
  shellCommand?: readonly string[]
}

/** `vissl` as a process of its own. */
export function vissl(cwd: string, args: readonly string[], options: VisslOptions = {}): Child {
  const { env, shell, shellCommand = ['bash'] } = options
  const line = [...nodeArguments(main), ...args]
  if (shell === undefined) return new Child(process.execPath, line, cwd, env)
  const [command, ...own] = shellCommand
  return new Child(command!, [...own, '-c', shell, 'sh', process.execPath, ...line], cwd, env)
}

/** `vissl train` of the tiny run, a line for every step. */
export const trainTiny = (cwd: string, args: readonly string[] = [], options: VisslOptions = {}): Child =>
  vissl(cwd, ['train', ...tiny, 'config.LOG_FREQUENCY=1', ...args], options)

/** The exact losses of a run, by step. */
export function lossesOf(run: string): Map<number, number> {
  const rows = readFileSync(join(run, 'metrics.jsonl'), 'utf8').trim().split('\n')
  const steps = rows
    .map((row) => JSON.parse(row) as { type: string; iteration: number; loss: number })
    .filter(({ type }) => type === 'step')
  return new Map(steps.map(({ iteration, loss }) => [iteration, loss]))
}
