import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { composeConfig } from '../../ts/config/index.ts'
import { traceModel } from '../../ts/models/index.ts'

const configs = fileURLToPath(new URL('../../configs/config/', import.meta.url))

/** Groups of models, each with a configuration that it is laid over. */
const GROUPS: Readonly<Record<string, string>> = {
  'pretrain/simclr/models': 'pretrain/simclr/simclr_8node_resnet',
  'pretrain/swav/models': 'pretrain/swav/swav_8node_resnet',
  'pretrain/pirl/models': 'pretrain/pirl/pirl_jigsaw_4node_resnet50',
  'benchmark/linear_image_classification/imagenet1k/models':
    'benchmark/linear_image_classification/imagenet1k/eval_resnet_8gpu_transfer_in1k_linear',
}

/** Its head does not fit its preset, in VISSL either. */
const MISFIT = new Set(['benchmark/linear_image_classification/imagenet1k/models=regnet400MF'])

/** Pixels a side of the images that a trunk is made for. */
const EFFICIENTNET = { B0: 224, B1: 240, B2: 260, B3: 300, B4: 380, B5: 456, B6: 528, B7: 600 }

for (const [group, base] of Object.entries(GROUPS)) {
  test(`trunks, features and heads of ${group} fit`, (t) => {
    const names = readdirSync(configs + group).map((file) => file.replace(/\.yaml$/, ''))
    t.true(names.length > 3)
    for (const name of names) {
      const { MODEL } = composeConfig({
        overrides: [`config=${base}`, `+config/${group}=${name}`],
        cwd: '/',
      }).config
      const { model_version } = MODEL.TRUNK.TRUNK_PARAMS.EFFICIENT_NETS
      const fixed = EFFICIENTNET[model_version as keyof typeof EFFICIENTNET]
      const plain = MODEL.TRUNK.NAME.startsWith('alexnet') ? 227 : 224
      const size = MODEL.TRUNK.NAME === 'efficientnet' ? fixed : plain
      // 18: jigsaw's heads join 9 patches.
      const shape = [18, 3, size, size]
      const mapping = MODEL.MULTI_INPUT_HEAD_MAPPING
      const inputs =
        mapping.length === 0 ? shape : Object.fromEntries(mapping.map(([key]) => [key, shape] as const))
      const follow = () => traceModel(MODEL, inputs).outputs.length
      if (MISFIT.has(`${group}=${name}`)) t.throws(follow, { message: /takes 8640 features/ })
      else t.true(follow() > 0, name)
    }
  })
}
