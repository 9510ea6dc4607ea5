// Peak resident memory of one train step of ResNet-50, with and without activation checkpointing. See README.md.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { computeThreads, manualSeed, ops, scope } from '../ts/engine/index.ts'
import { SslModel } from '../ts/models/index.ts'
import { checkpointActivations, Sgd } from '../ts/optim/index.ts'

const BATCH = 32
const SIZE = 224
const SPLITS = 8
const STEPS = 2

interface Result {
  peak: number
  seconds: number
  loss: number
}

/** The whole of a child process: its peak is that of nothing else. */
function measure(splits: number): Result {
  computeThreads(Number(process.env.VISSL_BENCH_THREADS ?? 2))
  manualSeed(0)
  const model = new SslModel({
    TRUNK: { NAME: 'resnet', TRUNK_PARAMS: { RESNETS: { DEPTH: 50 } } },
    HEAD: { PARAMS: [['mlp', { dims: [2048, 128] }]] },
  })
  model.to({ memoryFormat: 'channels_last' })
  if (splits > 0) checkpointActivations(model.trunk, splits)
  const optimizer = new Sgd([{ params: model.parameters() }], { lr: 0.01 })
  let loss = 0
  const begun = performance.now()
  for (let step = 0; step < STEPS; step++) {
    scope(() => {
      const images = ops.randn([BATCH, 3, SIZE, SIZE]).to({ memoryFormat: 'channels_last' })
      const result = model.call(images)[0]!.square().mean()
      optimizer.zeroGrad()
      result.backward()
      optimizer.step()
      loss = result.item()
    })
  }
  const seconds = (performance.now() - begun) / 1000 / STEPS
  return { peak: process.resourceUsage().maxRSS / 1024, seconds, loss }
}

async function child(splits: number): Promise<Result> {
  const process_ = fork(fileURLToPath(import.meta.url), [String(splits)])
  const [result] = await once(process_, 'message')
  return result as Result
}

if (process.send !== undefined) process.send(measure(Number(process.argv[2])))
else {
  const plain = await child(0)
  const saving = await child(SPLITS)
  console.log('                 peak resident MiB   seconds a step      loss')
  for (const [name, { peak, seconds, loss }] of [
    ['plain', plain],
    [`${SPLITS} splits`, saving],
  ] as const) {
    console.log(
      `${name.padEnd(16)} ${peak.toFixed(0).padStart(17)} ${seconds.toFixed(1).padStart(16)} ${loss.toFixed(7).padStart(9)}`,
    )
  }
  console.log(
    JSON.stringify({
      bench: 'activation-memory',
      batch: BATCH,
      splits: SPLITS,
      peak: Number((saving.peak / plain.peak).toFixed(3)),
      seconds: Number((saving.seconds / plain.seconds).toFixed(3)),
      losses_equal: saving.loss === plain.loss,
    }),
  )
}
