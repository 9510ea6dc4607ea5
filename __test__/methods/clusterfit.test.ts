import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { run } from '../../ts/cli/run.ts'
import { ExitCode } from '../../ts/errors.ts'
import { lossesOf } from '../cli/_process.ts'
import { Capture } from '../logging/output.ts'

const small = [
  'config.SEED_VALUE=0',
  'config.DATA.NUM_DATALOADER_WORKERS=1',
  'config.DATA.TRAIN.BATCHSIZE_PER_REPLICA=16',
  'config.DATA.TRAIN.TRANSFORMS=[{name:ToTensor}]',
  'config.MODEL.TRUNK.TRUNK_PARAMS.RESNETS={DEPTH:18,BASE_WIDTH:4,STEM:small_stride2}',
  'config.MACHINE={DEVICE:cpu,THREADS:1,MEMORY_FORMAT:contiguous}',
  'config.DISTRIBUTED={BACKEND:gloo,NUM_NODES:1,NUM_PROC_PER_NODE:1}',
]
const features = [
  'config=pretrain/clusterfit/cluster_features_resnet_8gpu_rotation_in1k',
  'engine_name=cluster_features',
  ...small,
  'config.DATA.TRAIN.DATA_SOURCES=[shapes]',
  'config.DATA.TRAIN.LABEL_SOURCES=[shapes]',
  'config.DATA.TRAIN.DATASET_NAMES=[shapes]',
  'config.DATA.TRAIN.DATA_LIMIT=64',
  'config.MODEL.FEATURE_EVAL_SETTINGS.LINEAR_EVAL_FEAT_POOL_OPS_MAP=[[res5,[AdaptiveAvgPool2d,[[1,1]]]]]',
  'config.MODEL.WEIGHTS_INIT.PARAMS_FILE=""',
  'config.CLUSTERFIT.NUM_CLUSTERS=6',
]
const second = [
  ...small,
  'config.MODEL.HEAD.PARAMS=[[mlp,{dims:[32,6]}]]',
  'config.OPTIMIZER.num_epochs=2',
  'config.OPTIMIZER.param_schedulers.lr={name:constant,value:0.05,auto_lr_scaling:{auto_scale:false}}',
  'config.LOG_FREQUENCY=1',
]

function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), 'vissl-clusterfit-'))
  test.after.always(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}
const folders = [scratch(), scratch(), scratch()] as const

async function train(cwd: string, args: readonly string[]) {
  const [stdout, stderr] = [new Capture(), new Capture()]
  const code = await run(['train', ...args], { stdout, stderr, cwd, env: {} })
  return { code, out: stdout.text, err: stderr.text }
}

test.serial('one command: features, clusters, and a network that learns them', async (t) => {
  const [cwd] = folders
  const quoted = second.map((override) => JSON.stringify(override)).join(',')
  const { code, out, err } = await train(cwd, [
    ...features,
    'config.CLUSTERFIT.TRAIN_CONFIG=pretrain/clusterfit/clusterfit_resnet_8gpu_imagenet',
    `config.CLUSTERFIT.TRAIN_OVERRIDES=[${quoted}]`,
  ])
  t.is(code, ExitCode.ok, err + out)
  t.regex(out, /clusters \d of 6 have images/)
  const name = 'runs/cluster_features_resnet_8gpu_rotation_in1k-clusters'
  const labels = readFileSync(join(cwd, name, 'imagenet1k_TRAIN_N6_faiss_lbls.npy'))
  const rows = new BigInt64Array(
    labels.buffer.slice(labels.byteOffset + labels.length - 64 * 8, labels.byteOffset + labels.length),
  )
  t.true(rows.every((row) => row >= 0n && row < 6n))
  t.true(existsSync(join(cwd, name, 'imagenet1k_TRAIN_N6_faiss_centroids.npy')))
  const trained = readdirSync(join(cwd, 'runs')).find((folder) => /^clusterfit/.test(folder))!
  const losses = [...lossesOf(join(cwd, 'runs', trained)).values()]
  t.is(losses.length, 8)
  t.true(losses.every(Number.isFinite))
  t.true(losses.at(-1)! < losses[0]!)
})

test.serial('without a second configuration it says how to go on', async (t) => {
  const { code, out, err } = await train(folders[1], [...features, 'config.CLUSTERFIT.OUTPUT_DIR=out'])
  t.is(code, ExitCode.ok, err)
  t.regex(out, /LABEL_PATHS=\[.*out\/imagenet1k_TRAIN_N6_faiss_lbls\.npy\]/)
})

test.serial('too many clusters, and a layer that is not extracted, are named', async (t) => {
  const many = await train(folders[2], [...features, 'config.CLUSTERFIT.NUM_CLUSTERS=65'])
  t.is(many.code, ExitCode.usage)
  t.regex(many.err, /65 clusters of 64 points/)
  const layer = await train(folders[2], [...features, 'config.CLUSTERFIT.FEATURES.LAYER_NAME=res4'])
  t.is(layer.code, ExitCode.usage)
  t.regex(layer.err, /LAYER_NAME is res4/)
})
