import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { initWeights } from '../../ts/checkpoint/init-weights.ts'
import { run } from '../../ts/cli/run.ts'
import { composeConfig, inferConfig } from '../../ts/config/index.ts'
import { createLoader } from '../../ts/data/index.ts'
import { noGrad, scope } from '../../ts/engine/index.ts'
import { npyHeader } from '../../ts/eval/npy-writer.ts'
import { SslModel } from '../../ts/models/index.ts'
import { Capture } from '../logging/output.ts'
import { tiny } from '../train/_run.ts'

const cwd = mkdtempSync(join(tmpdir(), 'vissl-extract-'))
test.after.always(() => rmSync(cwd, { recursive: true, force: true }))

async function vissl(...overrides: string[]): Promise<{ code: number; out: string; err: string }> {
  const [stdout, stderr] = [new Capture(), new Capture()]
  const code = await run(['train', ...tiny, ...overrides], { stdout, stderr, cwd, env: {} })
  return { code, out: stdout.text, err: stderr.text }
}

/** A `.npy` file: its shape and elements. */
function npy(path: string): { shape: number[]; data: number[] } {
  const bytes = readFileSync(path)
  const start = 10 + bytes.readUInt16LE(8)
  const header = bytes.toString('latin1', 10, start)
  const shape = /'shape': \(([^)]*)\)/
    .exec(header)![1]!
    .split(',')
    .filter((size) => size.trim() !== '')
  const body = bytes.buffer.slice(bytes.byteOffset + start, bytes.byteOffset + bytes.length)
  const elements = header.includes("'<f4'") ? new Float32Array(body) : new BigInt64Array(body)
  return { shape: shape.map(Number), data: Array.from(elements, Number) }
}

const plain = '[{name:ToTensor},{name:Normalize,mean:[0.5,0.5,0.5],std:[0.5,0.5,0.5]}]'
const weights = 'runs/quickstart-1/checkpoints/model_final_checkpoint_phase1.torch'
const extraction = [
  'engine_name=extract_features',
  'config.TEST_MODEL=true',
  'config.DATA.TEST.DATA_LIMIT=10',
  ...['TRAIN', 'TEST'].flatMap((split) => [
    `config.DATA.${split}.TRANSFORMS=${plain}`,
    `config.DATA.${split}.COLLATE_FUNCTION=default_collate`,
    `config.DATA.${split}.LABEL_SOURCES=[shapes]`,
    `config.DATA.${split}.BATCHSIZE_PER_REPLICA=7`,
  ]),
  `config.MODEL.WEIGHTS_INIT.PARAMS_FILE=${weights}`,
]
const layers = [
  'config.MODEL.FEATURE_EVAL_SETTINGS.EVAL_MODE_ON=true',
  'config.MODEL.FEATURE_EVAL_SETTINGS.FREEZE_TRUNK_ONLY=true',
  'config.MODEL.FEATURE_EVAL_SETTINGS.EXTRACT_TRUNK_FEATURES_ONLY=true',
  'config.MODEL.FEATURE_EVAL_SETTINGS.LINEAR_EVAL_FEAT_POOL_OPS_MAP=[[res4,[AdaptiveAvgPool2d,[[2,2]]]],[res5avg,[Identity,[]]]]',
]

test('the header is NumPy’s', (t) => {
  // numpy.save of arrays of these shapes, version 2.4
  const text = (shape: number[]) => Buffer.from(npyHeader('<f4', shape)).toString('latin1')
  t.is(
    text([3]),
    `\x93NUMPY\x01\x00\x76\x00{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }${' '.repeat(60)}\n`,
  )
  t.is(text([3, 4]).length % 64, 0)
  t.true(text([3, 4]).includes("'shape': (3, 4), }"))
})

test.serial('the reference’s files, sorted by index, with the features that the model gives', async (t) => {
  t.is((await vissl()).code, 0)
  const { code, out, err } = await vissl(...extraction, ...layers, 'config.CHECKPOINT.DIR=features')
  t.is(code, 0, err)
  t.regex(out, /layers {3}res4, res5avg/)
  const folder = join(cwd, 'features')
  t.deepEqual(
    readdirSync(folder).sort(),
    ['test', 'train']
      .flatMap((split) =>
        ['res4', 'res5avg'].flatMap((layer) =>
          ['features', 'inds', 'targets'].map((what) => `rank0_${split}_${layer}_${what}.npy`),
        ),
      )
      .sort(),
  )
  const read = (name: string) => npy(join(folder, `rank0_${name}.npy`))
  const indices = read('train_res4_inds')
  t.deepEqual(
    indices.data,
    Array.from({ length: 64 }, (_, i) => i),
  )
  t.deepEqual(read('train_res4_features').shape, [64, 16 * 4])
  t.deepEqual(read('train_res4_targets').shape, [64, 1])
  t.deepEqual(read('test_res5avg_features').shape, [10, 32])

  const { config: composed, origins } = composeConfig({
    overrides: [...tiny, ...extraction, ...layers],
    cwd,
  })
  const config = inferConfig(composed, { origins })
  const loader = createLoader({ split: config.DATA.TEST, splitName: 'TEST', order: 'sequential' })
  const model = new SslModel(config.MODEL)
  initWeights(model, { ...config.MODEL.WEIGHTS_INIT, PARAMS_FILE: join(cwd, weights) })
  model.eval()
  const expected: number[] = []
  const labels: number[] = []
  for await (const batch of loader.epoch(0)) {
    scope(() =>
      noGrad(() => {
        const { input, target } = batch.tensors()
        expected.push(...(model.call(input)[1]!.toTypedArray() as Float32Array))
        labels.push(...Array.from(target.toTypedArray(), Number))
      }),
    )
  }
  model.free()
  const { data } = read('test_res5avg_features')
  t.is(data.length, expected.length)
  t.true(data.every((value, i) => Math.abs(value - expected[i]!) < 1e-5))
  t.deepEqual(read('test_res5avg_targets').data, labels)
})

test.serial('heads, chunks and a folder for the features', async (t) => {
  const own = ['+config.EXTRACT_FEATURES.OUTPUT_DIR=chunks', '+config.EXTRACT_FEATURES.CHUNK_THRESHOLD=300']
  const { code, err } = await vissl(...extraction, ...own, 'config.TEST_MODEL=false')
  t.is(code, 0, err)
  const names = readdirSync(join(cwd, 'chunks')).filter((name) => name.endsWith('features.npy'))
  // Batches of 7 images with 16 numbers each; a chunk ends with the batch that takes it over 300.
  t.deepEqual(
    names.sort(),
    [0, 1, 2, 3].map((chunk) => `rank0_chunk${chunk}_train_heads_features.npy`),
  )
  const parts = names.map((name) => npy(join(cwd, 'chunks', name)).shape)
  t.deepEqual(parts, [
    [21, 16],
    [21, 16],
    [21, 16],
    [1, 16],
  ])
  const inds = [0, 1, 2, 3].flatMap((c) => npy(join(cwd, `chunks/rank0_chunk${c}_train_heads_inds.npy`)).data)
  t.deepEqual(new Set(inds).size, 64)
})

test.serial('what cannot be extracted', async (t) => {
  const dry = await vissl(...extraction, 'config.MODEL.WEIGHTS_INIT.PARAMS_FILE=', 'config.TEST_ONLY=true')
  t.is(dry.code, 0)
  t.regex(dry.out, /untrained network/)
  const none = await vissl(...extraction, 'config.TEST_MODEL=false', 'config.TEST_ONLY=true')
  t.regex(none.err, /nothing to extract features from/)
  const engine = await vissl('engine_name=extract_feature')
  t.regex(engine.err, /no engine "extract_feature"; did you mean extract_features/)
})
