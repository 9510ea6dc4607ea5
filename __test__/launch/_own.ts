import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import test from 'ava'
import { loadPlugins } from '../../ts/launch/plugins.ts'
import { type RunOptions, runTiny } from '../train/_run.ts'

const folder = mkdtempSync(join(tmpdir(), 'vissl-own-'))
test.after.always(() => rmSync(folder, { recursive: true, force: true }))

/** The TypeScript of a page of the guide, so that what readers copy is what is tested. */
export function snippet(document: string): string {
  const text = readFileSync(new URL(`../../docs/${document}`, import.meta.url), 'utf8')
  return /```ts\n(.*?)```/s.exec(text)![1]!
}

/** Saves a plug-in. @returns its path */
export function plugin(name: string, code: string): string {
  const path = join(folder, name)
  writeFileSync(path, code)
  return path
}

/** Loads a page's part as `--plugin` does. @returns what was registered, and what the page exports */
export async function chapter(part: string): Promise<{ registered: string[]; exported: unknown }> {
  const path = plugin(`${part}.ts`, snippet(`your-own-${part}.md`))
  const registered = await loadPlugins([path])
  return { registered, exported: await import(pathToFileURL(path).href) }
}

/** A new folder. */
export function place(name: string): string {
  const path = join(folder, name)
  mkdirSync(path, { recursive: true })
  return path
}

export type MetricsRow = Readonly<Record<string, unknown>> & { readonly type: string }

/** Trains on drawn images in a folder of its own. @returns the rows of `metrics.jsonl`, and the run's folder */
export async function trainTiny(
  name: string,
  options: RunOptions = {},
): Promise<{ run: string; metrics: MetricsRow[] }> {
  const run = place(name)
  await runTiny(place(`${name}-cwd`), {
    ...options,
    overrides: [`config.CHECKPOINT.DIR=${run}`, ...(options.overrides ?? [])],
  })
  const lines = readFileSync(join(run, 'metrics.jsonl'), 'utf8').trim().split('\n')
  return { run, metrics: lines.map((line) => JSON.parse(line) as MetricsRow) }
}

/** Classes of drawn images, learned with labels. */
export const supervised: readonly string[] = [
  'config.DATA.TRAIN.LABEL_SOURCES=[shapes]',
  'config.DATA.TRAIN.TRANSFORMS=[{name:CenterCrop,size:16},{name:ToTensor}]',
  'config.DATA.TRAIN.COLLATE_FUNCTION=default_collate',
  'config.LOSS.name=cross_entropy_multiple_output_single_target',
  'config.HOOKS.LEARNING.ENABLED=false',
]
