import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import test, { type ExecutionContext } from 'ava'
import { storeTensor } from '../../ts/checkpoint/contents.ts'
import { describeWeights, initWeights, type WeightsInit } from '../../ts/checkpoint/init-weights.ts'
import { type StoredTensor, saveTorchFile, type TorchValue } from '../../ts/checkpoint/torch-file.ts'
import { computeThreads, noGrad, ops, scope } from '../../ts/engine/index.ts'
import { VisslError } from '../../ts/errors.ts'
import { type ModelInput, SslModel } from '../../ts/models/index.ts'
import { flat } from '../nn/numbers.ts'

// Other test files run beside this one.
computeThreads(1)

interface Case {
  case: string
  MODEL_extra: ModelInput
  state_dict_key_name: string | null
  skip_layers: string[]
  REMOVE_PREFIX: string | null
  APPEND_PREFIX: string | null
  error?: object
  loaded_value_per_layer: Record<string, number>
  log: string[]
}

const golden = new URL('../golden/models/init_from_weights.json.gz', import.meta.url)
const { source_keys, cases } = JSON.parse(gunzipSync(readFileSync(golden)).toString()) as {
  source_keys: Record<string, number>
  cases: Case[]
}

const REGNET = { REGNET: { depth: 4, w_0: 8, w_a: 8.0, w_m: 2.0, group_width: 8 } }
const MODEL: ModelInput = {
  TRUNK: { NAME: 'regnet', TRUNK_PARAMS: REGNET },
  HEAD: { PARAMS: [['mlp', { dims: [32, 4], use_bn: true }]] },
}
const DEFAULTS: Omit<WeightsInit, 'PARAMS_FILE'> = {
  STATE_DICT_KEY_NAME: 'classy_state_dict',
  SKIP_LAYERS: ['num_batches_tracked'],
  REMOVE_PREFIX: '',
  APPEND_PREFIX: '',
}

type Stored = Record<string, StoredTensor>

/** The source model's state, entry i filled with i + 1. */
function source(): Stored {
  using model = new SslModel(MODEL)
  return noGrad(() =>
    Object.fromEntries(
      Object.entries(model.stateDict()).map(([name, value]) => [
        name,
        storeTensor(value.fill_(source_keys[name]!)),
      ]),
    ),
  )
}

const renamed = (state: Stored, rename: (name: string) => string): Stored =>
  Object.fromEntries(Object.entries(state).map(([name, value]) => [rename(name), value]))

const under = (state: Stored, prefix: string): Stored =>
  Object.fromEntries(
    Object.entries(state)
      .filter(([name]) => name.startsWith(prefix))
      .map(([name, value]) => [name.slice(prefix.length), value]),
  )

const wrapped = (trunk: Stored, heads: Stored): TorchValue => ({
  classy_state_dict: { base_model: { model: { trunk, heads } } },
})

/** The files of the goldens, as their descriptions and first keys say. */
function content(name: string): TorchValue {
  const state = source()
  switch (name) {
    case 'torchvision_style_noprefix':
      return renamed(under(state, 'trunk.'), (key) => key.replace('_feature_blocks.', ''))
    case 'shape_mismatch':
      return scope(() => ({ ...state, 'heads.0.clf.0.weight': storeTensor(ops.zeros([5, 32])) }))
    case 'extra':
      return { ...state, 'trunk._feature_blocks.zzz': state['heads.0.clf.0.bias']! }
    case 'replace_only_at_start':
      return renamed(state, (key) => (key.startsWith('trunk.') ? `trunk.${key}` : key))
    case 'plain_key_none':
      return state
    case 'plain_into_feature_eval_fixed':
      return renamed(under(state, 'trunk.'), (key) => `trunk.${key}`)
    default:
      return wrapped(under(state, 'trunk.'), under(state, 'heads.'))
  }
}

function save(t: ExecutionContext, value: TorchValue): string {
  const folder = mkdtempSync(join(tmpdir(), 'vissl-weights-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 'weights.torch')
  saveTorchFile(file, value)
  return file
}

function fresh(extra: ModelInput = {}): SslModel {
  const model = new SslModel({ ...MODEL, ...extra })
  noGrad(() => {
    for (const value of Object.values(model.stateDict())) value.fill_(-1)
  })
  return model
}

const firsts = (model: SslModel): Record<string, number> =>
  Object.fromEntries(Object.entries(model.stateDict()).map(([name, value]) => [name, flat(value)[0]!]))

for (const row of cases) {
  test(row.case, (t) => {
    const file = save(t, content(row.case))
    using model = fresh(row.MODEL_extra)
    const settings = {
      PARAMS_FILE: file,
      STATE_DICT_KEY_NAME: row.state_dict_key_name,
      SKIP_LAYERS: row.skip_layers,
      REMOVE_PREFIX: row.REMOVE_PREFIX,
      APPEND_PREFIX: row.APPEND_PREFIX,
    }
    if (row.error) {
      t.throws(() => initWeights(model, settings), { instanceOf: VisslError })
      t.true(
        Object.values(firsts(model)).every((value) => value === -1),
        'nothing is loaded',
      )
      return
    }
    const report = initWeights(model, settings)!
    t.deepEqual(firsts(model), row.loaded_value_per_layer)
    const loaded = Object.values(row.loaded_value_per_layer).filter((value) => value !== -1).length
    t.is(report.loaded.length, loaded)
    t.true(row.log.at(-1)!.includes(report.extra.map((name) => `'${name}'`).join(', ')))
    t.regex(describeWeights(report), new RegExp(`: ${loaded} of 119 entries loaded`))
  })
}

const EXTRACTOR: ModelInput = {
  FEATURE_EVAL_SETTINGS: {
    EVAL_MODE_ON: true,
    FREEZE_TRUNK_ONLY: true,
    LINEAR_EVAL_FEAT_POOL_OPS_MAP: [['flatten', ['Identity', []]]],
  },
}

test('a checkpoint of an extractor loads into an extractor and into a plain trunk', (t) => {
  const state = source()
  const file = save(
    t,
    wrapped(
      renamed(under(state, 'trunk.'), (key) => `base_model.${key}`),
      under(state, 'heads.'),
    ),
  )
  for (const extra of [EXTRACTOR, {}]) {
    using model = fresh(extra)
    const report = initWeights(model, { ...DEFAULTS, PARAMS_FILE: file })!
    t.is(report.loaded.filter(([name]) => name.startsWith('trunk.')).length, 96)
    t.is(report.heads.length, extra === EXTRACTOR ? 6 : 0)
  }
})

test('names of another library: the error says which prefixes to set, and they work', (t) => {
  const state = renamed(under(source(), 'trunk._feature_blocks.'), (key) => `module.encoder_q.${key}`)
  const file = save(t, { state_dict: state, epoch: 3 })
  using model = fresh()
  const plain = { ...DEFAULTS, PARAMS_FILE: file, STATE_DICT_KEY_NAME: 'state_dict' }
  const error = t.throws(() => initWeights(model, plain), { instanceOf: VisslError })
  t.regex(error.message, /names that are not the model's: module.encoder_q.conv1/)
  t.regex(
    error.fix!,
    /REMOVE_PREFIX=module.encoder_q. config.MODEL.WEIGHTS_INIT.APPEND_PREFIX=trunk._feature_blocks.; then 112 of 119/,
  )
  const report = initWeights(model, {
    ...plain,
    REMOVE_PREFIX: 'module.encoder_q.',
    APPEND_PREFIX: 'trunk._feature_blocks.',
  })!
  t.is(report.loaded.length, 96)
})

test('weights of another architecture are refused', (t) => {
  const state = source()
  const file = save(t, wrapped(under(state, 'trunk.'), {}))
  using other = new SslModel({ TRUNK: { NAME: 'alexnet_rotnet' } })
  const error = t.throws(() => initWeights(other, { ...DEFAULTS, PARAMS_FILE: file }), {
    instanceOf: VisslError,
  })
  t.regex(error.message, /nothing in .* is loaded/)
  t.regex(error.fix!, /another architecture/)
})

test('files that hold no weights', (t) => {
  using model = fresh()
  const load = (value: TorchValue, key: string | null) => () =>
    initWeights(model, { ...DEFAULTS, PARAMS_FILE: save(t, value), STATE_DICT_KEY_NAME: key })
  for (const [value, key, message] of [
    [{ epoch: 3 }, 'classy_state_dict', /has no key "classy_state_dict"; it has epoch/],
    [{ classy_state_dict: { base_model: {} } }, 'classy_state_dict', /holds no base_model.model/],
    [[1, 2], '', /its content is no dictionary/],
    [{ epoch: 3 }, null, /"epoch" in its content is no tensor/],
  ] as const) {
    t.throws(load(value as TorchValue, key), { instanceOf: VisslError, message })
  }
  t.throws(() => initWeights(model, { ...DEFAULTS, PARAMS_FILE: '/nowhere/x.torch' }), {
    instanceOf: VisslError,
  })
})

test('NumPy arrays are weights too, also in Fortran order', (t) => {
  const file = fileURLToPath(new URL('../golden/models/numpy_weights.pth', import.meta.url))
  using model = new SslModel({
    TRUNK: { NAME: 'resnet', TRUNK_PARAMS: { RESNETS: { DEPTH: 18, BASE_WIDTH: 2, STEM: 'small' } } },
    HEAD: { PARAMS: [['mlp', { dims: [16, 3] }]] },
  })
  const report = initWeights(model, { ...DEFAULTS, PARAMS_FILE: file, STATE_DICT_KEY_NAME: '' })!
  t.deepEqual(
    report.loaded.map(([name]) => name),
    ['heads.0.clf.0.weight', 'heads.0.clf.0.bias'],
  )
  const head = model.heads.at(0)!.stateDict()
  t.deepEqual(
    flat(head['clf.0.weight']!),
    Array.from({ length: 48 }, (_, i) => i),
  )
  t.deepEqual(flat(head['clf.0.bias']!), [0.5, 1.5, 2.5])
})
