import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import type { Hook } from '../../ts/train/hook.ts'
import { runTiny } from './_run.ts'

/** Trains and gives the losses of the steps, after checking what the model was given in the first. */
async function train(t: ExecutionContext, overrides: readonly string[], shapes: unknown): Promise<number[]> {
  const cwd = mkdtempSync(join(tmpdir(), 'vissl-collators-'))
  t.teardown(() => rmSync(cwd, { recursive: true, force: true }))
  let seen: unknown
  const look: Hook = {
    name: 'look',
    onLossAndMeter: ({ step }) => {
      const shapeOf = (value: unknown): unknown =>
        Array.isArray(value) ? value.map(shapeOf) : (value as { shape: number[] }).shape
      seen ??= shapeOf(step.input)
    },
  }
  await runTiny(cwd, { overrides, hooks: [look] })
  t.deepEqual(seen, shapes)
  const rows = readFileSync(join(cwd, 'runs/tiny-1/metrics.jsonl'), 'utf8').trim().split('\n')
  const losses = rows
    .map((row) => JSON.parse(row) as { type: string; loss: number })
    .flatMap(({ type, loss }) => (type === 'step' ? [loss] : []))
  t.is(losses.length, 8)
  t.true(losses.every(Number.isFinite))
  return losses
}

const crops = (counts: string, sizes: string) =>
  `config.DATA.TRAIN.TRANSFORMS=[{name:ImgPilToMultiCrop,total_num_crops:4,num_crops:${counts},size_crops:${sizes},` +
  'crop_scales:[[0.3,1],[0.1,0.3]]},{name:ToTensor}]'

test.serial('crops of two sizes reach SwAV, which normalises its prototypes', async (t) => {
  const losses = await train(
    t,
    [
      crops('[2,2]', '[16,12]'),
      'config.DATA.TRAIN.COLLATE_FUNCTION=multicrop_collator',
      'config.MODEL.HEAD.PARAMS=[[swav_head,{dims:[32,16],use_bn:false,num_clusters:[8]}]]',
      'config.LOSS.name=swav_loss',
      'config.LOSS.swav_loss.num_crops=4',
    ],
    [
      [16, 3, 16, 16],
      [16, 3, 16, 16],
      [16, 3, 12, 12],
      [16, 3, 12, 12],
    ],
  )
  // At first nothing is known of the assignments: near ln 8.
  t.true(losses[0]! > 1 && losses[0]! < 3)
})

test.serial('the second view of MoCo goes to its key encoder', async (t) => {
  await train(
    t,
    [
      'config.DATA.TRAIN.COLLATE_FUNCTION=moco_collator',
      'config.LOSS.name=moco_loss',
      'config.LOSS.moco_loss.embedding_dim=16',
      'config.LOSS.moco_loss.queue_size=32',
    ],
    [16, 3, 16, 16],
  )
})
