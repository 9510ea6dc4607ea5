import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { composeConfig, inferConfig } from '../../ts/config/index.ts'
import { buildLoss, type LossContext } from '../../ts/losses/index.ts'
import '../../ts/models/heads/mae-decoder.ts'
import { SslModel } from '../../ts/models/index.ts'
import { onDevice } from '../../ts/nn/index.ts'

const root = fileURLToPath(new URL('../../configs/config/pretrain/', import.meta.url))
const methods = ['barlow_twins', 'byol', 'dino', 'mae', 'mocov3', 'nnclr', 'simsiam', 'vicreg']

for (const method of methods) {
  for (const file of readdirSync(`${root}${method}`)) {
    test(`pretrain/${method}/${file} composes, and its loss fits its data and model`, (t) => {
      const name = `pretrain/${method}/${file.replace('.yaml', '')}`
      const config = inferConfig(composeConfig({ overrides: [`config=${name}`], cwd: root }).config)
      const { TRANSFORMS, BATCHSIZE_PER_REPLICA, DROP_LAST } = config.DATA.TRAIN
      const first = TRANSFORMS[0] as { num_times?: number; total_num_crops?: number }
      const context: LossContext = {
        batchSize: BATCHSIZE_PER_REPLICA,
        worldSize: 1,
        samples: 1_281_167,
        crops: first.total_num_crops ?? first.num_times ?? 1,
        dropLast: DROP_LAST,
        labels: false,
        warn: (message) => t.fail(message),
      }
      using loss = buildLoss(config.LOSS, context)
      using model = onDevice('meta', () => new SslModel(config.MODEL))
      t.is(loss.constructor.name.toLowerCase().replace('loss', ''), method.replace('_', ''))
      t.true(model.parameters().length > 0)
    })
  }
}
