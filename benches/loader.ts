// Samples a second of the two-view SimCLR pipeline at 224, ours and three Python libraries', in pairs: see loader.md.
import { existsSync } from 'node:fs'
import { createLoader, type DataSplit } from '../ts/data/index.ts'
import { ExitCode, VisslError } from '../ts/errors.ts'
import { median, runPeer } from './peer.ts'
import { twoViews } from './two-views.ts'

const [folder = '', seconds = '4', pairs = '3'] = process.argv.slice(2)
const PEERS = ['pillow', 'torchvision', 'albumentations'] as const
if (!existsSync(folder)) {
  throw new VisslError(
    ExitCode.usage,
    `give a folder of photographs${folder === '' ? '' : `; ${folder} does not exist`}`,
    'benches/loader.md says how to make one: npm run bench -- loader FOLDER [SECONDS] [PAIRS]',
  )
}

const split: DataSplit = {
  DATA_SOURCES: ['disk_folder'],
  DATA_PATHS: [folder],
  LABEL_SOURCES: [],
  TRANSFORMS: twoViews,
  COLLATE_FUNCTION: 'simclr_collator',
  BATCHSIZE_PER_REPLICA: 8,
  DROP_LAST: true,
}

/** CPU seconds of this process, which other programs on the machine do not change. */
const cpuSeconds = (): number => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

const wallSeconds = (): number => performance.now() / 1000

/** Samples a second of `clock` over `duration` seconds, after the first batch. */
async function ours(
  workers: number,
  duration: number,
  clock: () => number = cpuSeconds,
): Promise<{ rate: number; parts: string }> {
  using loader = createLoader({ split, workers })
  let [count, began, epoch] = [0, 0, 0]
  for (;;) {
    for await (const batch of loader.epoch(epoch++)) {
      if (began === 0) began = clock()
      else count += batch.size
      const elapsed = clock() - began
      if (elapsed < duration) continue
      const { readSeconds, decodeSeconds, transformSeconds, collateSeconds } = loader.stats
      const work = readSeconds + decodeSeconds + transformSeconds + collateSeconds
      const share = (part: number) => `${Math.round((100 * part) / work)} %`
      const parts = `decode ${share(decodeSeconds)}, transform ${share(transformSeconds)}, collate ${share(collateSeconds)}`
      return { rate: count / elapsed, parts }
    }
  }
}

const theirs = (library: string): number =>
  runPeer<{ samples_per_s: number }>('loader.py', [library, folder, seconds]).samples_per_s

const ratios: Record<string, number[]> = {}
console.log('samples a CPU second, one thread    vissl     peer    ratio')
for (const peer of PEERS) {
  const found: number[] = []
  for (let pair = 0; pair < Number(pairs); pair++) {
    const before = pair % 2 === 1 ? theirs(peer) : undefined
    const { rate } = await ours(1, Number(seconds))
    const other = before ?? theirs(peer)
    found.push(rate / other)
    const columns = [rate, other].map((value) => value.toFixed(1).padStart(8)).join(' ')
    console.log(`  ${peer}, pair ${pair + 1}`.padEnd(30), columns, (rate / other).toFixed(2).padStart(8))
  }
  ratios[peer] = found
}
const one = await ours(1, Number(seconds), wallSeconds)
const two = await ours(2, Number(seconds), wallSeconds)
console.log(`samples a second: one thread ${one.rate.toFixed(1)}, two ${two.rate.toFixed(1)}; ${one.parts}`)
console.log(
  JSON.stringify({
    bench: 'loader',
    pairs: Number(pairs),
    ratios: Object.fromEntries(
      Object.entries(ratios).map(([peer, values]) => [peer, Number(median(values).toFixed(2))]),
    ),
    two_threads: Number((two.rate / one.rate).toFixed(2)),
  }),
)
