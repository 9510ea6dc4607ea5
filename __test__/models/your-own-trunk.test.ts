import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { computeThreads, manualSeed, ops, scope } from '../../ts/engine/index.ts'
import { loadPlugins } from '../../ts/launch/plugins.ts'
import { type ModelInput, SslModel, traceModel } from '../../ts/models/index.ts'
import { functional } from '../../ts/nn/index.ts'
import { checkpointActivations } from '../../ts/optim/activation-checkpointing.ts'
import { distance, flat } from '../nn/numbers.ts'

// Other test files run beside this one.
computeThreads(1)

const guide = readFileSync(new URL('../../docs/your-own-trunk.md', import.meta.url), 'utf8')

const CONFIG: ModelInput = {
  TRUNK: { NAME: 'plain', TRUNK_PARAMS: { plain: { widths: [8, 16] } } },
  HEAD: { PARAMS: [['mlp', { dims: [16, 2] }]] },
}

const folder = mkdtempSync(join(tmpdir(), 'vissl-trunk-'))
test.after.always(() => rmSync(folder, { recursive: true, force: true }))

test.before(async (t) => {
  writeFileSync(join(folder, 'plain.ts'), /```ts\n(.*?)```/s.exec(guide)![1]!)
  t.deepEqual(await loadPlugins([join(folder, 'plain.ts')]), ['trunk plain'])
})

test('the guide’s trunk trains', (t) => {
  manualSeed(1)
  using model = new SslModel(CONFIG)
  const losses: number[] = []
  for (let step = 0; step < 30; step++) {
    scope(() => {
      // Two classes: which half of the image is bright.
      const labels = ops.arange(16).remainder(2)
      const half = ops.arange(16).div(8).floor()
      const bright = half
        .reshape([1, 1, 1, 16])
        .eq(labels.reshape([16, 1, 1, 1]))
        .to('float32')
      const images = ops.randn([16, 3, 16, 16]).mul(0.5).add(bright)
      const [scores] = model.call(images)
      const loss = functional.crossEntropy(scores!, labels.to('int64'))
      loss.backward()
      losses.push(Number(loss.item()))
      for (const parameter of model.parameters()) {
        parameter.set_data(parameter.detach().sub(parameter.grad!.mul(0.1)))
        parameter.grad = null
      }
    })
  }
  t.true(losses.at(-1)! < 0.5 * losses[0]!, `${losses[0]} → ${losses.at(-1)}`)
})

test('its features have names', (t) => {
  const { features, outputs } = traceModel(CONFIG, [4, 3, 16, 16])
  t.deepEqual(features, {
    res1: [4, 8, 8, 8],
    res2: [4, 16, 4, 4],
    avgpool: [4, 16, 1, 1],
    flatten: [4, 16],
  })
  t.deepEqual(outputs, [[4, 2]])
  using model = new SslModel(CONFIG)
  t.is(Object.keys(model.stateDict())[0], 'trunk._feature_blocks.res1.0.weight')
  scope(() => {
    const [pooled, first] = model.trunk.call(ops.randn([4, 3, 16, 16]), ['res1', 'res2'])
    t.deepEqual(pooled!.shape, [4, 8, 8, 8])
    t.deepEqual(first!.shape, [4, 16, 4, 4])
    t.throws(() => model.trunk.call(ops.randn([4, 3, 16, 16]), ['res3']), { message: /did you mean res/ })
  })
})

test('its activations can be computed a second time, with the same gradients', (t) => {
  using plain = new SslModel(CONFIG)
  using saving = new SslModel(CONFIG)
  saving.loadStateDict(plain.stateDict())
  checkpointActivations(saving.trunk, 3)
  scope(() => {
    const images = ops.randn([4, 3, 16, 16])
    for (const model of [plain, saving]) model.call(images)[0]!.pow(2).sum().backward()
    const gradients = [plain, saving].map((model) => model.parameters().map(({ grad }) => flat(grad!)))
    for (const [i, expected] of gradients[0]!.entries())
      t.true(distance(gradients[1]![i]!, expected) < 1e-6, String(i))
    t.deepEqual(
      Array.from(plain.namedBuffers(), ([, buffer]) => flat(buffer)),
      Array.from(saving.namedBuffers(), ([, buffer]) => flat(buffer)),
    )
  })
})
