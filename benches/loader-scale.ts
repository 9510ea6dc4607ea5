// What ten million samples cost a loader in memory and start, and what a second thread brings: see loader.md.
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { createLoader, type DataSplit, type SampleOrder } from '../ts/data/index.ts'
import { median } from './peer.ts'
import { twoViews } from './two-views.ts'

const FEW = 10_000
const MANY = 10_000_000
const ORDERS: readonly SampleOrder[] = ['keyed', 'distributed', 'stateful']
const MIB = 1024 * 1024

/** Two views each, of which a batch is large enough for memory that is used again. */
const small: DataSplit = {
  DATA_SOURCES: ['synthetic'],
  DATA_PATHS: [''],
  LABEL_SOURCES: [],
  LABEL_TYPE: 'sample_index',
  TRANSFORMS: [{ name: 'ImgReplicatePil', num_times: 2 }, { name: 'ToTensor' }],
  COLLATE_FUNCTION: 'simclr_collator',
  BATCHSIZE_PER_REPLICA: 32,
  DEFAULT_GRAY_IMG_SIZE: 32,
}

/** Two views of noise at 224, the transforms of SimCLR. */
const whole: DataSplit = {
  ...small,
  TRANSFORMS: twoViews,
  BATCHSIZE_PER_REPLICA: 8,
  DATA_LIMIT: MANY,
  DEFAULT_GRAY_IMG_SIZE: 256,
  RANDOM_SYNTHETIC_IMAGES: true,
}

interface Cost {
  /** From opening the loader to its first batch. */
  seconds: number
  /** Memory of the process after the first batches of two epochs, and after ten times as many. */
  early: number
  late: number
}

/** In a process of its own, whose memory nothing else has touched. */
async function cost(order: SampleOrder, samples: number): Promise<Cost> {
  const began = performance.now()
  const loader = createLoader({ split: { ...small, DATA_LIMIT: samples }, order, workers: 2 })
  let seconds = 0
  const take = async (epoch: number, count: number) => {
    let [taken, memory] = [0, 0]
    for await (const batch of loader.epoch(epoch)) {
      if (seconds === 0) seconds = (performance.now() - began) / 1000
      batch.free()
      if (++taken < count) continue
      memory = process.memoryUsage().rss
      break
    }
    return memory
  }
  await take(0, 100)
  const early = await take(1, 100)
  const late = await take(2, 1000)
  loader[Symbol.dispose]()
  return { seconds, early, late }
}

const costOfProcess = (order: SampleOrder, samples: number): Cost => {
  const args = [...process.execArgv, fileURLToPath(import.meta.url), 'cost', order, String(samples)]
  return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' }).trim().split('\n').at(-1)!)
}

/** Samples a second of the two-view pipeline at 224, once `workers` threads are busy. */
async function rate(workers: number, duration: number): Promise<number> {
  using loader = createLoader({ split: whole, order: 'keyed', workers })
  let [count, began] = [0, 0]
  for await (const batch of loader.epoch(0)) {
    if (began === 0) began = performance.now()
    else count += batch.size
    const elapsed = (performance.now() - began) / 1000
    if (elapsed > duration) return count / elapsed
  }
  return 0
}

if (process.argv[2] === 'cost') {
  const [, , , order, samples] = process.argv
  console.log(JSON.stringify(await cost(order as SampleOrder, Number(samples))))
} else {
  const [seconds = '5', pairs = '3'] = process.argv.slice(2)
  const mib = (bytes: number): string => (bytes / MIB).toFixed(0).padStart(8)
  const orders: Record<string, unknown> = {}
  console.log('10 million samples       start, s  MiB, 10 thousand  10 million  after 1000 batches more')
  for (const order of ORDERS) {
    const [few, many] = [costOfProcess(order, FEW), costOfProcess(order, MANY)]
    console.log(
      `  ${order}`.padEnd(24),
      many.seconds.toFixed(2).padStart(8),
      mib(few.early).padStart(18),
      mib(many.early).padStart(11),
      mib(many.late).padStart(24),
    )
    orders[order] = {
      start_s: Number(many.seconds.toFixed(2)),
      memory: Number((many.early / few.early).toFixed(2)),
      growth: Number((many.late / many.early).toFixed(2)),
    }
  }
  const ratios: number[] = []
  for (let pair = 0; pair < Number(pairs); pair++) {
    const [first, second] = pair % 2 === 0 ? [1, 2] : [2, 1]
    const [a, b] = [await rate(first, Number(seconds)), await rate(second, Number(seconds))]
    const [one, two] = first === 1 ? [a, b] : [b, a]
    ratios.push(two / one)
    console.log(
      `samples a second: one thread ${one.toFixed(1)}, two ${two.toFixed(1)}, ratio ${(two / one).toFixed(2)}`,
    )
  }
  console.log(
    JSON.stringify({ bench: 'loader-scale', orders, two_threads: Number(median(ratios).toFixed(2)) }),
  )
}
