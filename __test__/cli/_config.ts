import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { run } from '../../ts/cli/run.ts'
import type { ExitCode } from '../../ts/errors.ts'
import { Capture } from '../logging/output.ts'

/** What a command printed and returned. */
export interface Ran {
  code: ExitCode
  out: string
  err: string
}

/** `vissl config …` in this process, without colours. */
export async function config(cwd: string, ...argv: string[]): Promise<Ran> {
  const stdout = new Capture()
  const stderr = new Capture()
  const code = await run(['config', ...argv], { stdout, stderr, cwd, env: { NO_COLOR: '1' } })
  return { code, out: stdout.text, err: stderr.text }
}

/** A row of what VISSL composes and infers. */
export interface GoldenRow {
  overrides: string[]
  kind?: string
  composed: unknown
  inferred_config?: unknown
  inferred_top?: Record<string, unknown>
  infer_error?: unknown
}

export function goldenRows(name: string): GoldenRow[] {
  const file = new URL(`../golden/configs/${name}.jsonl.gz`, import.meta.url)
  const lines = gunzipSync(readFileSync(file)).toString().trim().split('\n')
  return lines.map((line) => JSON.parse(line) as GoldenRow)
}

/** Paths at which `actual` lacks a key of `expected` or has another value. Infinities are `{__float__}` in goldens. */
export function missing(expected: unknown, actual: unknown, path = ''): string[] {
  if (typeof expected === 'object' && expected !== null && '__float__' in expected) {
    return `.${String(expected.__float__)}` === String(actual).replace('-.', '.-')
      ? []
      : [`${path}: ${String(actual)}`]
  }
  if (Array.isArray(expected)) {
    if (!Array.isArray(actual) || actual.length !== expected.length)
      return [`${path}: ${JSON.stringify(actual)}, expected ${JSON.stringify(expected)}`]
    return expected.flatMap((item, i) => missing(item, actual[i], `${path}.${i}`))
  }
  if (typeof expected === 'object' && expected !== null) {
    if (typeof actual !== 'object' || actual === null) return [`${path}: ${JSON.stringify(actual)}`]
    return Object.entries(expected).flatMap(([key, value]) =>
      Object.hasOwn(actual, key)
        ? missing(value, (actual as Record<string, unknown>)[key], `${path}.${key}`)
        : [`${path}.${key} is missing`],
    )
  }
  return Object.is(expected, actual)
    ? []
    : [`${path}: ${JSON.stringify(actual)}, expected ${JSON.stringify(expected)}`]
}
