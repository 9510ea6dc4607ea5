// The quick start's recipe, ours and in plain PyTorch + torchvision, over several seeds: see README.md.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { composeConfig } from '../ts/config/index.ts'
import { fetchFashionMnist } from '../ts/data/index.ts'
import { ExitCode, VisslError } from '../ts/errors.ts'
import { runTraining } from '../ts/launch/run.ts'
import { runPeer } from './peer.ts'

const IMAGES = Number(process.argv[2] ?? 60_000)
const EPOCHS = Number(process.argv[3] ?? 7)
const SEEDS = [0, 1, 2]

interface Accuracy {
  untrained: number
  trained: number
  seconds: number
}

async function ours(seed: number): Promise<Accuracy> {
  const cwd = mkdtempSync(join(tmpdir(), 'vissl-quickstart-'))
  try {
    const overrides = [
      'config=quickstart',
      `config.SEED_VALUE=${seed}`,
      `config.DATA.TRAIN.DATA_LIMIT=${IMAGES}`,
      `config.OPTIMIZER.num_epochs=${EPOCHS}`,
    ]
    const { config, origins } = composeConfig({ overrides, cwd })
    const began = performance.now()
    await runTraining({
      config,
      origins,
      name: 'bench',
      folder: undefined,
      resume: undefined,
      dryRun: false,
      commandLine: ['vissl', 'train', ...overrides],
      cwd,
      output: { write: () => {} },
    })
    const seconds = (performance.now() - began) / 1000
    const lines = readFileSync(join(cwd, 'runs/bench-1/metrics.jsonl'), 'utf8').trim().split('\n')
    const rows = lines.map((line) => JSON.parse(line) as { type: string; epoch: number | null; top1: number })
    const knn = rows.filter((row) => row.type === 'knn' && row.epoch !== null)
    return { untrained: knn[0]!.top1, trained: knn.at(-1)!.top1, seconds }
  } finally {
    rmSync(cwd, { recursive: true, force: true })
  }
}

const data = await fetchFashionMnist()
if (data.folder === null) {
  throw new VisslError(ExitCode.environment, `Fashion-MNIST cannot be fetched: ${data.reasons.join('; ')}`)
}
console.log(`${IMAGES} images, ${EPOCHS} epochs; kNN in percent: untrained → trained (seconds in all)`)
const differences: number[] = []
const times: number[] = []
for (const seed of SEEDS) {
  const mine = await ours(seed)
  const peer = runPeer<Accuracy>('quickstart.py', [
    data.folder,
    '--seed',
    seed,
    '--images',
    IMAGES,
    '--epochs',
    EPOCHS,
  ])
  const show = ({ untrained, trained, seconds }: Accuracy) =>
    `${untrained.toFixed(2)} → ${trained.toFixed(2)} (${seconds.toFixed(0)} s)`
  console.log(`  seed ${seed}   vissl ${show(mine)}   PyTorch ${show(peer)}`)
  differences.push(mine.trained - peer.trained)
  times.push(mine.seconds / peer.seconds)
}
const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
console.log(
  JSON.stringify({
    bench: 'quickstart',
    images: IMAGES,
    epochs: EPOCHS,
    mean_difference: Number(mean(differences).toFixed(2)),
    time: Number(mean(times).toFixed(3)),
  }),
)
