import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { Tensor } from '../../ts/engine/index.ts'
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
      const shapeOf = (value: unknown): unknown => {
        if (value instanceof Tensor) return value.shape
        if (Array.isArray(value)) return value.map(shapeOf)
        return Object.fromEntries(Object.entries(value as object).map(([key, item]) => [key, shapeOf(item)]))
      }
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

test.serial('patches and image of PIRL each go to their head', async (t) => {
  const patches =
    '{name:ImgPilToPatchesAndImage,crop_scale_image:[0.08,1.0],crop_size_image:16,crop_scale_patches:[0.6,1.0],' +
    'crop_size_patches:87,num_patches:9}'
  await train(
    t,
    [
      `config.DATA.TRAIN.TRANSFORMS=[${patches},{name:ToTensor}]`,
      'config.DATA.TRAIN.COLLATE_FUNCTION=patch_and_image_collator',
      'config.DATA.TRAIN.INPUT_KEY_NAMES=[patches,images]',
      'config.MODEL.HEAD.PARAMS=[[[mlp,{dims:[32,8]}],[siamese_concat_view,{num_towers:9}],[mlp,{dims:[72,16]}]],[[mlp,{dims:[32,16]}]]]',
      'config.MODEL.MULTI_INPUT_HEAD_MAPPING=[[patches,[flatten]],[images,[flatten]]]',
      'config.LOSS.name=nce_loss_with_memory',
      'config.LOSS.nce_loss_with_memory.loss_weights=[0.5,0.5]',
      'config.LOSS.nce_loss_with_memory.negative_sampling_params.num_negatives=8',
      'config.LOSS.nce_loss_with_memory.memory_params.embedding_dim=16',
      'config.LOSS.nce_loss_with_memory.memory_params.update_mem_on_forward=false',
      'config.LOSS.nce_loss_with_memory.update_mem_with_emb_index=1',
    ],
    { patches: [144, 3, 8, 8], images: [16, 3, 16, 16] },
  )
})
