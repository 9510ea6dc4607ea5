// Time of one train step of four networks, ours and eager PyTorch's, in pairs: see README.md.
// Arguments: pairs, threads, memory format (channels_last, contiguous), networks.
import { computeThreads, manualSeed, noGrad, ops, scope } from '../ts/engine/index.ts'
import { presets, SslModel, traceModel } from '../ts/models/index.ts'
import { functional } from '../ts/nn/index.ts'
import { paramGroups, Sgd } from '../ts/optim/index.ts'
import { median, runPeer } from './peer.ts'

const NETWORKS = ['resnet50', 'regnet_y_400mf', 'efficientnet_b0', 'vit_ti_16']
const PAIRS = Number(process.argv[2] ?? 6)
const THREADS = Number(process.argv[3] ?? 2)
const FORMAT = process.argv[4] === 'contiguous' ? 'contiguous' : 'channels_last'
const CHOSEN = process.argv.length > 5 ? process.argv.slice(5) : NETWORKS
const BATCH = 16
const WARMUP = 2
const STEPS = 5

function build(name: string): SslModel {
  const { config, input } = presets.find((preset) => preset.name === name)!
  const { outChannels } = traceModel(config, [1, ...input])
  return new SslModel({ ...config, HEAD: { PARAMS: [['mlp', { dims: [outChannels, 1000] }]] } })
}

/** Median milliseconds of forward, cross entropy, backward and SGD on random images. */
function ours(name: string): number {
  return scope(() => {
    manualSeed(0)
    using model = build(name)
    model.train().to({ memoryFormat: FORMAT })
    const optimizer = new Sgd(paramGroups(model), {
      lr: 0.01,
      momentum: 0.9,
      weight_decay: 1e-4,
    })
    const images = ops.randn([BATCH, 3, 224, 224], {}).to({ memoryFormat: FORMAT })
    const labels = ops.arange(BATCH, { dtype: 'int64' })
    const times: number[] = []
    for (let step = 0; step < WARMUP + STEPS; step++) {
      const began = performance.now()
      scope(() => {
        const value = functional.crossEntropy(model.call(images)[0]!, labels)
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
const theirs = (network: string) =>
  runPeer<{ median_ms: number }>('model_step.py', [
    ...['--network', network, '--threads', THREADS, '--batch', BATCH],
    ...['--warmup', WARMUP, '--steps', STEPS],
  ]).median_ms
const networks: Record<string, { ratio: number; spread: number[] }> = {}
console.log(
  `train step, batch ${BATCH}×3×224×224, ${THREADS} threads, ${FORMAT}   vissl ms   PyTorch ms   ratio`,
)
for (const network of CHOSEN) {
  const ratios: number[] = []
  for (let pair = 0; pair < PAIRS; pair++) {
    const before = pair % 2 === 1 ? theirs(network) : undefined
    const mine = ours(network)
    const peer = before ?? theirs(network)
    ratios.push(mine / peer)
    const columns = [mine, peer].map((ms) => ms.toFixed(0).padStart(11)).join(' ')
    const order = before === undefined ? 'vissl' : 'PyTorch'
    console.log(
      `  ${network}, pair ${pair + 1} (${order} first)`.padEnd(52),
      columns,
      (mine / peer).toFixed(3),
    )
  }
  const rounded = (value: number) => Number(value.toFixed(3))
  networks[network] = {
    ratio: rounded(median(ratios)),
    spread: [rounded(Math.min(...ratios)), rounded(Math.max(...ratios))],
  }
}
const logs = Object.values(networks).map(({ ratio }) => Math.log(ratio))
const ratio = Number(Math.exp(logs.reduce((sum, value) => sum + value, 0) / logs.length).toFixed(3))
console.log(
  JSON.stringify({ bench: 'model-step', pairs: PAIRS, threads: THREADS, format: FORMAT, networks, ratio }),
)
