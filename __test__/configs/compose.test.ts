import test from 'ava'
import { composeTree, inferConfig, packageConfigs } from '../../ts/config/index.ts'
import { difference, golden, goldenLines, names } from './_files.ts'

const compose = (...overrides: string[]) =>
  composeTree({ overrides, cwd: packageConfigs, configDirs: [packageConfigs] })

/** Keys that VISSL's files set and VISSL does not read: name of the file → what the warning names. */
const unread: Readonly<Record<string, RegExp>> = {
  'pretrain/deepcluster_v2/transforms/multicrop_2x160_4x96': /config\.DATA\.TRANSFORMS is not a known key/,
  'pretrain/jigsaw/optimization/bs32_4nodes': / {2}DISTRIBUTED is not a known key/,
  'test/integration_test/quick_deepcluster_v2': /config\.DISTRIBUTED\.DISTR_ON is not a known key/,
}

/** Keys that VISSL's own programs read, or its event files, and nothing here. */
const ineffective =
  /config\.(?:SVM|NEAREST_NEIGHBOR|TENSORBOARD_SETUP\.EXPERIMENT_LOG_DIR)\b.* has no effect: /

/** The base that an overlay is for: one of the nearest folder above that has any. */
function baseFor(overlay: string): string {
  const elsewhere: Readonly<Record<string, string>> = {
    'pretrain/datasets': 'pretrain/simclr/simclr_8node_resnet',
    'benchmark/linear_image_classification/transforms':
      'benchmark/linear_image_classification/imagenet1k/eval_resnet_8gpu_transfer_in1k_linear',
  }
  let folder = overlay.slice(0, overlay.lastIndexOf('/'))
  const given = elsewhere[folder]
  if (given !== undefined) return given
  for (;;) {
    folder = folder.slice(0, folder.lastIndexOf('/'))
    const base = names.base.find((name) => name.slice(0, name.lastIndexOf('/')) === folder)
    if (base !== undefined) return base
    if (folder === '') throw new Error(`no base for ${overlay}`)
  }
}

test('every base composes; only keys that nothing reads are warned about', (t) => {
  for (const name of names.base) {
    const { warnings, checked } = compose(`config=${name}`)
    t.true(checked.ok, checked.ok ? name : `${name}: ${checked.mistakes[0]?.message}`)
    const unknown = warnings.filter((warning) => !ineffective.test(warning))
    t.is(unknown.length, name in unread ? 1 : 0, `${name}: ${warnings.join('; ')}`)
    if (name in unread) t.regex(unknown[0]!, unread[name]!)
  }
})

test('every overlay composes over its base; only keys that nothing reads are warned about', (t) => {
  for (const name of names.overlay) {
    const cut = name.lastIndexOf('/')
    const overlay = `+config/${name.slice(0, cut)}=${name.slice(cut + 1)}`
    const { warnings, checked } = compose(`config=${baseFor(name)}`, overlay)
    t.true(checked.ok, checked.ok ? name : `${name}: ${checked.mistakes[0]?.message}`)
    const unknown = warnings.filter((warning) => !ineffective.test(warning))
    t.is(unknown.length, name in unread ? 1 : 0, `${name}: ${warnings.join('; ')}`)
    if (name in unread) t.regex(unknown[0]!, unread[name]!)
  }
})

for (const file of ['every_yaml_alone', 'overlays'] as const) {
  test(`composed trees are VISSL's: ${file}`, (t) => {
    for (const row of goldenLines<{ overrides: string[]; composed: unknown }>(`${file}.jsonl.gz`)) {
      t.is(difference(row.composed, compose(...row.overrides).tree), undefined, row.overrides.join(' '))
    }
  })
}

interface Resolved {
  batch: number
  processes: number
  optimizer: unknown
}

test("batch, processes and optimizer of every base after inference are VISSL's", (t) => {
  for (const [name, wanted] of Object.entries(golden<Record<string, Resolved>>('resolved.json'))) {
    const { checked } = compose(`config=${name}`)
    if (!checked.ok) {
      t.fail(name)
      continue
    }
    const { DATA, DISTRIBUTED, OPTIMIZER } = inferConfig(checked.root.config)
    t.is(DATA.TRAIN.BATCHSIZE_PER_REPLICA, wanted.batch, name)
    t.is(DISTRIBUTED.NUM_NODES * DISTRIBUTED.NUM_PROC_PER_NODE, wanted.processes, name)
    t.is(difference(wanted.optimizer, OPTIMIZER), undefined, name)
  }
})

test('a file for Detectron2 composes, though it means nothing here', (t) => {
  t.true(compose('config=benchmark/object_detection/voc07/rn50_transfer_voc07_detectron2_e2e').checked.ok)
})
