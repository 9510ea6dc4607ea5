// A run's time with all default hooks, beside the bare loop of the same steps, in pairs with swapped order.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { composeConfig, inferConfig } from '../ts/config/index.ts'
import { buildTask } from '../ts/launch/build-task.ts'
import { assembleHooks } from '../ts/launch/hooks.ts'
import { FileLog, Progress, RunFolder } from '../ts/logging/index.ts'
import { runPhases } from '../ts/train/trainer.ts'
import { median } from './peer.ts'

const PAIRS = Number(process.argv[2] ?? 6)
/** Steps of an epoch; the recipe is the quick start's, with drawn images and without kNN. */
const STEPS = Number(process.argv[3] ?? 20)
const BATCH = 256

const overrides = [
  'config=quickstart',
  ...['TRAIN', 'TEST'].flatMap((split) => [
    `config.DATA.${split}.DATA_SOURCES=[shapes]`,
    `config.DATA.${split}.DATASET_NAMES=[shapes]`,
  ]),
  `config.DATA.TRAIN.DATA_LIMIT=${STEPS * BATCH}`,
  `config.DATA.TRAIN.BATCHSIZE_PER_REPLICA=${BATCH}`,
  'config.EVALUATION.KNN.ENABLED=false',
  'config.OPTIMIZER.num_epochs=2',
]

/** Seconds of two epochs. */
async function train(hooked: boolean): Promise<number> {
  const cwd = mkdtempSync(join(tmpdir(), 'vissl-bench-hooks-'))
  const { config, origins } = composeConfig({ overrides, cwd })
  const task = buildTask(inferConfig(config, { origins }))
  const folder = RunFolder.create({ name: 'hooks', cwd })
  const log = new FileLog(folder.file('bench.txt'))
  const progress = new Progress({ output: { write: () => true }, log: folder.log, frequency: 10 })
  const hooks = hooked
    ? assembleHooks(task, { folder, checkpoints: folder.folder('checkpoints'), progress, log })
    : []
  const start = performance.now()
  await runPhases(task, hooks)
  const seconds = (performance.now() - start) / 1000
  task.free()
  log.close()
  folder.close()
  rmSync(cwd, { recursive: true })
  return seconds
}

await train(true)
const ratios: number[] = []
for (let pair = 0; pair < PAIRS; pair++) {
  const order = pair % 2 === 0 ? [true, false] : [false, true]
  const seconds = new Map<boolean, number>()
  for (const hooked of order) seconds.set(hooked, await train(hooked))
  const [ours, bare] = [seconds.get(true)!, seconds.get(false)!]
  ratios.push(ours / bare)
  console.log(
    `with hooks ${ours.toFixed(2)} s   bare ${bare.toFixed(2)} s   ratio ${(ours / bare).toFixed(3)}`,
  )
}
console.log(
  JSON.stringify({
    bench: 'hooks',
    pairs: PAIRS,
    steps: 2 * STEPS,
    ratio: Number(median(ratios).toFixed(3)),
  }),
)
