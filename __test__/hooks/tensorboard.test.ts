import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { tensor } from '../../ts/engine/index.ts'
import { viewGrid } from '../../ts/hooks/views.ts'
import { eventsOf, type Logged, loggedBy } from '../logging/_events.ts'
import { runTiny } from '../train/_run.ts'

function scratch(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'vissl-tensorboard-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

test.serial('a run writes the reference’s tags at its steps', async (t) => {
  const cwd = scratch(t)
  await runTiny(cwd, {
    overrides: [
      'config.TENSORBOARD_SETUP.USE_TENSORBOARD=true',
      'config.TENSORBOARD_SETUP.LOG_PARAMS_EVERY_N_ITERS=3',
      'config.TENSORBOARD_SETUP.LOG_EMBEDDINGS=8',
      'config.LOG_FREQUENCY=4',
    ],
  })
  const folder = join(cwd, 'runs/tiny-1/tb_logs')
  const names = readdirSync(folder)
  const file = names.find((name) => name.startsWith('events.out.tfevents.'))!
  const logged = eventsOf(readFileSync(join(folder, file))).flatMap((event) => loggedBy(event) ?? [])
  const stepsOf = (tag: string) => logged.filter((event) => event.tag === tag).map(({ step }) => step)

  // Steps are those at which the reference logs: see its order of hooks.
  const weight = 'trunk._feature_blocks.conv1.weight'
  t.deepEqual(stepsOf(`Parameters/${weight}`), [-1, 0, 3, 0, 6, 1])
  t.deepEqual(stepsOf(`Gradients/${weight}`), [3, 0, 6, 1])
  const scalars = [
    'Training/Loss',
    'Training/Learning_rate',
    'Speed/Batch_processing_time_ms',
    'Speed/img_per_sec_per_gpu',
    'Speed/ETA_hours',
  ]
  for (const tag of scalars) t.deepEqual(stepsOf(tag), [4, 5, 8], tag)
  t.deepEqual(stepsOf('Images/views'), [0, 4])
  const rows = readFileSync(join(cwd, 'runs/tiny-1/metrics.jsonl'), 'utf8').trim().split('\n')
  const losses = rows.map((row) => JSON.parse(row) as { type: string; iteration: number; loss: number })
  const loss = (event: Logged) =>
    losses.find((row) => row.type === 'step' && row.iteration === event.step)!.loss
  for (const event of logged.filter(({ tag }) => tag === 'Training/Loss'))
    t.true(Math.abs(event.value! - loss(event)) < 1e-5)

  t.true(names.includes('epoch_1.tsv') && names.includes('epoch_2_labels.tsv'))
  t.is(readFileSync(join(folder, 'epoch_2.tsv'), 'utf8').trim().split('\n').length, 8)
})

test('views come in rows, images in columns, colours as they were', (t) => {
  // Two images of one pixel and two channels in two views; pixel v·10 + i, channel c adds 100.
  const images = tensor([0, 100, 1, 101, 10, 110, 11, 111].map((value) => (value / 255 - 0.5) / 2))
  const grid = viewGrid(images.reshape([4, 2, 1, 1]), 2, 8, { mean: [0.5], std: [2] })
  t.deepEqual(grid, { width: 2, height: 2, channels: 1, data: Uint8Array.from([0, 1, 10, 11]) })
  const one = viewGrid(images.reshape([4, 2, 1, 1]), 2, 1, { mean: [0.5], std: [2] })
  t.deepEqual([one.width, [...one.data]], [1, [0, 10]])
})
