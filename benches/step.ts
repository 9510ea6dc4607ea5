// Time of one train step of the quick start's model, ours and eager PyTorch's, in pairs: see README.md.
import { computeThreads, manualSeed, noGrad, ops, scope } from '../ts/engine/index.ts'
import { SimclrInfoNceLoss } from '../ts/losses/simclr.ts'
import { SslModel } from '../ts/models/index.ts'
import { paramGroups, Sgd } from '../ts/optim/index.ts'
import { median, runPeer } from './peer.ts'

const PAIRS = Number(process.argv[2] ?? 6)
const THREADS = Number(process.argv[3] ?? 2)
const BATCH = 512
const WARMUP = 5
const STEPS = 20

interface Peer {
  median_ms: number
  min_ms: number
}

function makeModel(): SslModel {
  const model = new SslModel({
    TRUNK: {
      NAME: 'resnet',
      TRUNK_PARAMS: { RESNETS: { DEPTH: 18, BASE_WIDTH: 16, STEM: 'small_stride2' } },
    },
    HEAD: {
      PARAMS: [
        ['mlp', { dims: [128, 128], use_relu: true }],
        ['mlp', { dims: [128, 64] }],
      ],
    },
  })
  model.train()
  return model
}

/** Median milliseconds of forward, loss, backward and SGD on random images in channels-last order. */
function ours(): number {
  return scope(() => {
    manualSeed(0n)
    const model = makeModel()
    model.to({ memoryFormat: 'channels_last' })
    const loss = new SimclrInfoNceLoss({ temperature: 0.2, buffer_params: { embedding_dim: 64 } })
    const optimizer = new Sgd(paramGroups(model), {
      lr: 0.1,
      momentum: 0.9,
      weight_decay: 1e-4,
    })
    const images = ops.randn([BATCH, 3, 28, 28], {}).to({ memoryFormat: 'channels_last' })
    const times: number[] = []
    for (let step = 0; step < WARMUP + STEPS; step++) {
      const began = performance.now()
      scope(() => {
        const value = loss.call(model.call(images)[0]!)
        optimizer.zeroGrad()
        value.backward()
        noGrad(() => optimizer.step())
        value.item()
      })
      if (step >= WARMUP) times.push(performance.now() - began)
    }
    optimizer.free()
    return median(times)
  })
}

computeThreads(THREADS)
const theirs = () =>
  runPeer<Peer>('step.py', ['--threads', THREADS, '--batch', BATCH, '--warmup', WARMUP, '--steps', STEPS])
    .median_ms
const pairs: { ours: number; peer: number; ratio: number }[] = []
console.log(`train step, batch ${BATCH}, ${THREADS} threads      vissl ms   PyTorch ms   ratio`)
for (let pair = 0; pair < PAIRS; pair++) {
  const before = pair % 2 === 1 ? theirs() : undefined
  const mine = ours()
  const peer = before ?? theirs()
  pairs.push({ ours: mine, peer, ratio: mine / peer })
  const columns = [mine, peer].map((ms) => ms.toFixed(1).padStart(11)).join(' ')
  console.log(
    `  pair ${pair + 1} (${before === undefined ? 'vissl' : 'PyTorch'} first)`.padEnd(36),
    columns,
    (mine / peer).toFixed(3).padStart(7),
  )
}
const ratios = pairs.map((pair) => pair.ratio)
console.log(
  JSON.stringify({
    bench: 'step',
    pairs: PAIRS,
    threads: THREADS,
    ratio: Number(median(ratios).toFixed(3)),
    spread: [Math.min(...ratios), Math.max(...ratios)].map((value) => Number(value.toFixed(3))),
  }),
)
