import { Worker } from 'node:worker_threads'
import { parseParams } from '../../nn/params.ts'
import { addon } from '../native.ts'
import type { SourceFactory } from './source.ts'
import { type ScriptModule, type TransformParams, transforms } from './transform.ts'
import type { WorkerTask } from './worker.ts'

type Entry = Readonly<Record<string, unknown>>

/** Node workers that serve the transforms and sources of one loader, and the queue through which they get their jobs. */
export class ScriptPool {
  readonly queue: number
  readonly #task: WorkerTask
  #ready: Promise<unknown> = Promise.resolve()

  constructor(task: Omit<WorkerTask, 'queue'>) {
    this.queue = addon().createScriptQueue()
    this.#task = { ...task, queue: this.queue }
  }

  /** Starts the workers; they end with the queue and do not keep the process alive. */
  start(count: number): void {
    const file = import.meta.url.replace(/pool(\.[jt]s)$/, 'worker$1')
    this.#ready = Promise.all(
      Array.from({ length: count }, () => {
        const worker = new Worker(new URL(file), { workerData: this.#task })
        // A worker that dies leaves its job unanswered; the samples that wait fail rather than wait for ever.
        worker.on('error', () => this.close())
        return new Promise<void>((resolve) => {
          worker.once('message', () => {
            worker.unref()
            resolve()
          })
          worker.once('exit', () => resolve())
        })
      }),
    )
  }

  /** Resolves when all workers have imported what they run. */
  ready(): Promise<unknown> {
    return this.#ready
  }

  close(): void {
    addon().closeScriptQueue(this.queue)
  }
}

const place = ({ module, export: name }: ScriptModule): { module: string; export: string } => ({
  module: String(module),
  export: name ?? 'default',
})

/** A transform list in which those written in TypeScript are numbered, and these. */
export function splitTransforms(list: readonly Entry[]): {
  list: Entry[]
  scripts: { module: string; export: string; params: TransformParams }[]
} {
  const scripts: { module: string; export: string; params: TransformParams }[] = []
  const numbered = list.map((entry) => {
    const { name, indices, ...params } = entry
    if (typeof name !== 'string' || !transforms.has(name)) return entry
    const at = transforms.get(name)
    const checked = at.params === undefined ? params : parseParams(`transform "${name}"`, at.params, params)
    scripts.push({ ...place(at), params: checked as TransformParams })
    return { name: 'TypeScript', script: scripts.length - 1, ...(indices !== undefined && { indices }) }
  })
  return { list: numbered, scripts }
}

export const sourceTask = (
  at: ScriptModule,
  params: Parameters<SourceFactory>[0],
): WorkerTask['sources'][number] => ({ ...place(at), params })
