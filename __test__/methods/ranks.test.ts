import { join } from 'node:path'
import test from 'ava'
import { ExitCode } from '../../ts/errors.ts'
import { lossesOf, scratch, vissl } from '../cli/_process.ts'
import { methodsOf } from './_methods.ts'

const STEPS = 6

/** Small steps on feature maps of some size: rounding stays rounding. */
const smooth = [
  `config.OPTIMIZER.num_epochs=${STEPS / 2}`,
  'config.OPTIMIZER.param_schedulers.lr.value=0.001',
  'config.MODEL.TRUNK.TRUNK_PARAMS.RESNETS.LAYER4_STRIDE=1',
  'config.MODEL.SYNC_BN_CONFIG={CONVERT_BN_TO_SYNC_BN:true,SYNC_BN_TYPE:pytorch}',
  'config.MACHINE.MEMORY_FORMAT=contiguous',
  'config.MACHINE.DEVICE=cpu',
  'config.MODEL.AMP_PARAMS.USE_AMP=false',
  'config.DISTRIBUTED={BACKEND:gloo,NUM_NODES:1,NUM_PROC_PER_NODE:1}',
  'config.CHECKPOINT.DIR=out',
]
const two = ['config.DISTRIBUTED.NUM_PROC_PER_NODE=2', 'config.DATA.TRAIN.BATCHSIZE_PER_REPLICA=8']

/** Losses differ by no more. MoCo's key encoder normalises in each process, as in VISSL. */
const within: Readonly<Record<string, number>> = { simclr: 1e-4, moco: 0.1, swav: 1e-4 }
/** The first codes with a queue use scores drawn at random in each process. */
const own: Readonly<Record<string, readonly string[]>> = {
  swav: ['config.LOSS.swav_loss.queue.queue_length=0'],
}

for (const method of methodsOf('')) {
  const tolerance = within[method.name]
  if (tolerance === undefined) continue
  test.serial(`${method.name} has the losses of one process on two`, async (t) => {
    const losses = async (more: readonly string[]) => {
      const cwd = scratch(t)
      const { code, err } = await vissl(cwd, [
        'train',
        ...method.overrides,
        ...smooth,
        ...(own[method.name] ?? []),
        ...more,
      ]).ended
      t.is(code, ExitCode.ok, err)
      return [...lossesOf(join(cwd, 'out')).values()]
    }
    const one = await losses([])
    const pair = await losses(two)
    t.is(one.length, STEPS)
    for (const [i, loss] of one.entries())
      t.true(Math.abs(loss - pair[i]!) < tolerance, `step ${i + 1}: ${loss}, two processes ${pair[i]}`)
  })
}
