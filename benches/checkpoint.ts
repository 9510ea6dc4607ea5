// How long training stands still for a ResNet-50 checkpoint with SGD momentum, beside PyTorch's torch.save of the same
// tensors, in pairs: see README.md. Arguments: pairs, saves of each.
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BytePool } from '../ts/checkpoint/byte-pool.ts'
import { saveTorchFileLater } from '../ts/checkpoint/torch-file.ts'
import { captureState } from '../ts/checkpoint/training-state.ts'
import { manualSeed, noGrad, ops, scope } from '../ts/engine/index.ts'
import { presets, SslModel, traceModel } from '../ts/models/index.ts'
import { Linear } from '../ts/nn/index.ts'
import { paramGroups, Sgd } from '../ts/optim/index.ts'
import { median, runPeer } from './peer.ts'

const PAIRS = Number(process.argv[2] ?? 6)
const SAVES = Number(process.argv[3] ?? 3)

const folder = mkdtempSync(join(tmpdir(), 'vissl-bench-'))
manualSeed(0)
const { config, input } = presets.find(({ name }) => name === 'resnet50')!
const { outChannels } = traceModel(config, [1, ...input])
const model = new SslModel({ ...config, HEAD: { PARAMS: [['mlp', { dims: [outChannels, 1000] }]] } })
const optimizer = new Sgd(paramGroups(model), { lr: 0.01, momentum: 0.9 })
scope(() => {
  let sum = ops.zeros([], {})
  for (const parameter of model.parameters()) sum = sum.add(parameter.pow(2).sum())
  sum.backward()
  noGrad(() => optimizer.step())
})
const loss = new Linear(1, 1)
const memory = new BytePool()
const parts = {
  model,
  loss,
  optimizer,
  scaler: undefined,
  progress: { phaseIdx: 0, trainPhaseIdx: 0, iteration: 1, numUpdates: 1 },
  train: true,
  losses: [],
  rows: 0,
}

interface Save {
  /** Milliseconds of taking the state, and of handing it to the other thread: training stands still. */
  readonly capture: number
  readonly start: number
  /** Milliseconds until the file and its digest are on the disk. */
  readonly whole: number
  readonly bytes: number
}

async function save(): Promise<Save> {
  const path = join(folder, 'model.torch')
  const began = performance.now()
  const state = captureState(parts, true, memory.take)
  const captured = performance.now()
  const written = saveTorchFileLater(path, state)
  const started = performance.now()
  await written
  memory.release()
  const ended = performance.now()
  return {
    capture: captured - began,
    start: started - captured,
    whole: ended - began,
    bytes: statSync(path).size,
  }
}

async function ours(): Promise<Save[]> {
  const saves: Save[] = []
  for (let i = 0; i < SAVES; i++) saves.push(await save())
  return saves
}

const stall = (saves: readonly Save[]): number => median(saves.map(({ capture, start }) => capture + start))
// The first checkpoint of a run takes its memory from the system.
const first = await save()
console.log(`first save: stands still ${(first.capture + first.start).toFixed(0)} ms`)
const theirs = () => runPeer<{ ms: number[]; bytes: number }>('checkpoint.py', ['--saves', SAVES])

try {
  const ratios: number[] = []
  console.log(
    'ResNet-50 with momentum     stands still ms (state + hand-over)   written ms   torch.save ms   ratio',
  )
  for (let pair = 0; pair < PAIRS; pair++) {
    const before = pair % 2 === 1 ? theirs() : undefined
    const saves = await ours()
    const peer = before ?? theirs()
    const ratio = stall(saves) / median(peer.ms)
    ratios.push(ratio)
    const of = (key: keyof Save) => median(saves.map((one) => one[key])).toFixed(0)
    console.log(
      `  pair ${pair + 1}, ${(saves[0]!.bytes / 1e6).toFixed(0)} and ${(peer.bytes / 1e6).toFixed(0)} MB`.padEnd(
        28,
      ),
      `${stall(saves).toFixed(0)} (${of('capture')} + ${of('start')})`.padStart(35),
      of('whole').padStart(12),
      median(peer.ms).toFixed(0).padStart(15),
      ratio.toFixed(3).padStart(7),
    )
  }
  const rounded = (value: number) => Number(value.toFixed(3))
  const spread = [rounded(Math.min(...ratios)), rounded(Math.max(...ratios))]
  console.log(JSON.stringify({ bench: 'checkpoint', pairs: PAIRS, ratio: rounded(median(ratios)), spread }))
} finally {
  rmSync(folder, { recursive: true, force: true })
  optimizer.free()
  model.free()
  loss.free()
}
