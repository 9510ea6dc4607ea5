import { parentPort, workerData } from 'node:worker_threads'
import { host } from '../../engine/host.ts'
import { acceptOwnModules } from './own-modules.ts'
import { randomFrom } from './random.ts'
import type { ScriptSource, SourceFactory } from './source.ts'
import type {
  Picture,
  TransformFactory,
  TransformFunction,
  TransformParams,
  TransformValue,
} from './transform.ts'

/** What a worker is started with. */
export interface WorkerTask {
  queue: number
  transforms: readonly { module: string; export: string; params: TransformParams }[]
  sources: readonly { module: string; export: string; params: Parameters<SourceFactory>[0] }[]
}

interface ScriptJob {
  id: number
  kind: 'transform' | 'load'
  script: number
  index?: number
  seed?: number[]
  shape?: number[]
  pixels?: Uint8Array
  values?: Float32Array
}

interface ScriptAnswer {
  shape?: number[]
  pixels?: Uint8Array
  values?: Float32Array
  file?: Uint8Array
  error?: string
}

interface ScriptAddon {
  takeScriptJob(queue: number, milliseconds: number): ScriptJob | null
  answerScriptJob(queue: number, id: number, answer: ScriptAnswer): void
  scriptQueueIsOpen(queue: number): boolean
}

/** How long a worker waits in native code before it gives the event loop, and who wants to end it, a turn. */
const patience = 50

const once = <T>(make: () => Promise<T>): (() => Promise<T>) => {
  let made: Promise<T> | undefined
  return () => {
    made ??= make()
    return made
  }
}

async function exported(part: { module: string; export: string }): Promise<unknown> {
  const module = (await import(part.module)) as Record<string, unknown>
  const found = module[part.export]
  if (typeof found !== 'function') throw new Error(`${part.module} exports no function "${part.export}"`)
  return found
}

async function serve(task: WorkerTask): Promise<void> {
  const { takeScriptJob, answerScriptJob, scriptQueueIsOpen } = host<ScriptAddon>()
  const transforms = task.transforms.map((part) =>
    once<TransformFunction>(async () => ((await exported(part)) as TransformFactory)(part.params)),
  )
  const sources = task.sources.map((part) =>
    once<ScriptSource>(async () => ((await exported(part)) as SourceFactory)(part.params)),
  )
  // Modules are imported before jobs are taken: the thread pool that reads files may be full of waiting loaders later.
  // What fails here fails again, with the name of the sample, when it is needed.
  await Promise.allSettled([...transforms, ...sources].map((make) => make()))
  parentPort?.postMessage('ready')
  while (scriptQueueIsOpen(task.queue)) {
    const job = takeScriptJob(task.queue, patience)
    if (job === null) {
      await new Promise((resolve) => setImmediate(resolve))
      continue
    }
    let answer: ScriptAnswer
    try {
      answer =
        job.kind === 'load'
          ? loaded(await (await sources[job.script]!()).load(job.index!))
          : answered(await (await transforms[job.script]!())(valueOfJob(job), randomFrom(job.seed!)))
    } catch (error) {
      answer = { error: error instanceof Error ? error.message : String(error) }
    }
    answerScriptJob(task.queue, job.id, answer)
  }
}

function valueOfJob({ shape, pixels, values }: ScriptJob): TransformValue {
  if (pixels === undefined) return { kind: 'tensor', shape: shape!, data: values! }
  const [height, width, channels] = shape as [number, number, 1 | 3]
  return { kind: 'image', height, width, channels, data: pixels }
}

function answered(value: TransformValue): ScriptAnswer {
  if (value?.kind === 'tensor' && value.data instanceof Float32Array)
    return { shape: [...value.shape], values: value.data }
  if (value?.kind === 'image' && value.data instanceof Uint8Array) return picture(value)
  throw new Error('it returned neither a picture nor a tensor')
}

const picture = ({ height, width, channels, data }: Picture): ScriptAnswer => ({
  shape: [height, width, channels],
  pixels: data,
})

function loaded(value: Uint8Array | Picture): ScriptAnswer {
  if (value instanceof Uint8Array) return { file: value }
  if (value?.kind === 'image') return picture(value)
  throw new Error('it gave neither the bytes of a file nor a picture')
}

await acceptOwnModules()
await serve(workerData as WorkerTask)
