import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'
import type { TrainOptions } from '../../../ts/launch/embedding/options.ts'
import { train } from '../../../ts/launch/embedding/train.ts'
import type { TrainingRun } from '../../../ts/launch/embedding/training-run.ts'
import type { TrainingEvent } from '../../../ts/logging/training-event.ts'
import { tiny } from '../../train/_run.ts'

/** Values of the tiny run, for `config: 'quickstart'`. */
export const small: readonly string[] = tiny.slice(1)
/** Many more epochs than a test waits for. */
export const ENDLESS = 'config.OPTIMIZER.num_epochs=100000'

/** A folder that is removed after the test. */
export function scratch(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'vissl-app-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** The tiny run, ended with the test. */
export function trainSmall(
  t: ExecutionContext,
  cwd: string,
  overrides: readonly string[] = [],
  options: TrainOptions = {},
): TrainingRun {
  const run = train({ config: 'quickstart', overrides: [...small, ...overrides], cwd, ...options })
  t.teardown(() => run[Symbol.asyncDispose]())
  return run
}

/** Reads events until one is as wanted; leaves the loop then. @throws what makes the run fail, or when it ends */
export async function until(run: TrainingRun, isWanted: (event: TrainingEvent) => boolean) {
  const seen: TrainingEvent[] = []
  for await (const event of run) {
    seen.push(event)
    if (isWanted(event)) return seen
  }
  throw new Error(`the run ended after ${JSON.stringify(seen.slice(-3))}`)
}

export const atStep = (step: number) => (event: TrainingEvent) => event.type === 'step' && event.step >= step

/** The exact losses of a run, by step. */
export function lossesOf(run: string): Map<number, number> {
  const rows = readFileSync(join(run, 'metrics.jsonl'), 'utf8').split('\n').filter(Boolean)
  return new Map(
    rows
      .map((row) => JSON.parse(row) as { type: string; iteration: number; loss: number })
      .filter(({ type }) => type === 'step')
      .map(({ iteration, loss }) => [iteration, loss]),
  )
}
