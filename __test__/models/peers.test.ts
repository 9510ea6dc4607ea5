import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import test from 'ava'
import { computeThreads, noGrad, scope, tensor } from '../../ts/engine/index.ts'
import { buildTrunk, modelParams, type Trunk } from '../../ts/models/index.ts'
import { hashFill, hashInput, hashValues } from '../nn/hash-fill.ts'
import { distance, flat } from '../nn/numbers.ts'

// Other test files run beside this one.
computeThreads(1)

interface Pass {
  /** First 64 features of each image. */
  output: number[]
  /** Length of the gradient of every parameter. */
  norms: number[]
  /** Gradient of the first parameter. */
  gradient: number[]
}
interface Row {
  name: string
  input: number[]
  shapes: number[][]
  eval?: Pass
  train?: Pass
}

const golden = new URL('../golden/models/peers.json.gz', import.meta.url)
const { networks, interpolated } = JSON.parse(gunzipSync(readFileSync(golden)).toString()) as {
  networks: Row[]
  interpolated: number[]
}

const VIT = { name: 'vit_ti_16', IMAGE_SIZE: 64, QKV_BIAS: true }
const EFFICIENTNET = { model_version: 'B0', drop_connect_rate: 0 }

/** The same networks here: trunk, parameters, and the feature that is the peer's output where it is not the last. */
const settings: Readonly<Record<string, [trunk: string, section: string, params: object, feature?: string]>> =
  {
    resnet18: ['resnet', 'RESNETS', { DEPTH: 18 }],
    resnet50: ['resnet', 'RESNETS', { DEPTH: 50 }],
    wide_resnet50_2: ['resnet', 'RESNETS', { DEPTH: 50, WIDTH_PER_GROUP: 128 }],
    resnext50_32x4d: ['resnet', 'RESNETS', { DEPTH: 50, GROUPS: 32, WIDTH_PER_GROUP: 4 }],
    regnet_y_400mf: ['regnet', 'REGNET', { name: 'regnet_y_400mf' }],
    regnet_x_800mf: ['regnet', 'REGNET', { name: 'regnet_x_800mf' }],
    convnext_tiny: ['convnext', 'CONVNEXT', { name: 'convnext_tiny' }],
    vit_ti_16: ['vision_transformer', 'VISION_TRANSFORMERS', VIT],
    tf_efficientnet_b0: ['efficientnet', 'EFFICIENT_NETS', EFFICIENTNET, 'flatten'],
  }

function build(name: string): { trunk: Trunk; features: string[] } {
  const [NAME, section, params, feature] = settings[name]!
  const config = modelParams.parse({ TRUNK: { NAME, TRUNK_PARAMS: { [section]: params } } })
  return { trunk: buildTrunk(config), features: feature === undefined ? [] : [feature] }
}

for (const row of networks) {
  test(`${row.name} forward and backward`, (t) => {
    const { trunk, features } = build(row.name)
    t.deepEqual(
      Object.values(trunk.stateDict()).map(({ shape }) => shape),
      row.shapes,
    )
    hashFill(trunk)
    for (const mode of ['eval', 'train'] as const) {
      const expected = row[mode]
      if (expected === undefined) continue
      trunk.train(mode === 'train')
      for (const parameter of trunk.parameters()) parameter.grad = null
      scope(() => {
        const [output] = trunk.call(hashInput(row.input), features)
        t.true(distance(flat(output!.narrow(1, 0, 64)), expected.output) < 1e-4, `${mode}: output`)
        const weights = hashValues(output!.numel, 77)
        output!
          .mul(tensor(new Float32Array(weights), { shape: output!.shape }))
          .sum()
          .backward()
        const gradients = trunk.parameters().map((parameter) => parameter.grad!)
        const { norms } = expected
        // Gradients that are zero but for rounding, of offsets before batch normalisation, need a floor.
        const floor = 1e-6 * Math.max(...norms)
        for (const [i, gradient] of gradients.entries()) {
          const norm = Number(gradient.norm().item())
          t.true(Math.abs(norm - norms[i]!) < 1e-3 * norms[i]! + floor, `${mode}: ${i} ${norm} ${norms[i]}`)
        }
        const first = flat(gradients[0]!).slice(0, 256)
        t.true(distance(first, expected.gradient) < 1e-3, `${mode}: gradient`)
      })
    }
    trunk.free()
  })
}

test('a vision transformer interpolates its positions for images of another size', (t) => {
  const { trunk } = build('vit_ti_16')
  hashFill(trunk)
  noGrad(() =>
    scope(() => {
      const [output] = trunk.eval().call(hashInput([2, 3, 96, 96]))
      t.true(distance(flat(output!), interpolated) < 1e-4)
    }),
  )
  trunk.free()
})
