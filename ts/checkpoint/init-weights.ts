import { broadcast, rank, worldSize } from '../distributed/index.ts'
import { noGrad, scope, type Tensor } from '../engine/index.ts'
import { ExitCode, VisslError } from '../errors.ts'
import { FeatureExtractor, type SslModel } from '../models/index.ts'
import { isDict, restoreTensor } from './contents.ts'
import { tensorOfNumpy } from './numpy-array.ts'
import { dictEntries, loadTorchFile, Placeholder, StoredTensor, type TorchValue } from './torch-file.ts'
import { findPrefixes, type NamedShape } from './weight-names.ts'

/** `MODEL.WEIGHTS_INIT`. */
export interface WeightsInit {
  /** Path of a file of `torch.save`. */
  readonly PARAMS_FILE: string
  /** Key of the weights in the file; empty or null: the file is the weights. */
  readonly STATE_DICT_KEY_NAME: string | null
  /** Parameters whose name contains one of these are left as they are. */
  readonly SKIP_LAYERS: readonly string[]
  /** Cut once off the front of names that begin with it. */
  readonly REMOVE_PREFIX: string | null
  /** Put before every name. */
  readonly APPEND_PREFIX: string | null
}

/** What became of every entry of the model and of the file. */
export interface WeightsReport {
  readonly file: string
  readonly loaded: readonly NamedShape[]
  /** Left as initialised because SKIP_LAYERS names them. */
  readonly skipped: readonly string[]
  /** Heads that the file has, and that are not loaded where features are evaluated. */
  readonly heads: readonly string[]
  /** Left as initialised because the file has no such name. */
  readonly missing: readonly string[]
  /** Names in the file that the model does not have. */
  readonly extra: readonly string[]
}

/**
 * Starts a model from the weights of a file. A checkpoint of VISSL or of this package is found under
 * `classy_state_dict`, whatever prefixes are set; it loads into a plain trunk and into a feature extractor alike.
 *
 * Read by the first process of a run and sent to the others, which get no report.
 *
 * @throws VisslError when the file or its key is missing, when names do not begin as the model's do, when shapes
 *   differ, and when nothing at all fits; the model is unchanged then
 */
export function initWeights(model: SslModel, settings: WeightsInit): WeightsReport | undefined {
  const report = rank() === 0 ? loadWeights(model, settings) : undefined
  if (worldSize() > 1) for (const value of Object.values(model.stateDict())) broadcast(value)
  return report
}

function loadWeights(model: SslModel, settings: WeightsInit): WeightsReport {
  const file = settings.PARAMS_FILE
  const weights = readWeights(model, settings)
  const own = model.stateDict()
  const report = {
    file,
    loaded: [] as NamedShape[],
    skipped: [] as string[],
    heads: [] as string[],
    missing: [] as string[],
    extra: [...weights.keys()].filter((name) => !Object.hasOwn(own, name)),
  }
  const evaluation = model.config.FEATURE_EVAL_SETTINGS
  const withHeads = !evaluation.EVAL_MODE_ON || evaluation.EVAL_TRUNK_AND_HEAD
  const differing: string[] = []
  for (const [name, target] of Object.entries(own)) {
    const { shape } = target
    const source = weights.get(name)
    if (settings.SKIP_LAYERS.some((part) => name.includes(part))) report.skipped.push(name)
    else if (source === undefined) report.missing.push(name)
    else if (name.startsWith('heads.') && !withHeads) report.heads.push(name)
    else {
      if (source.shape.join() === shape.join()) report.loaded.push([name, shape])
      else differing.push(`${name}: ${sizes(source.shape)} in the file, ${sizes(shape)} in the model`)
    }
  }
  if (differing.length > 0) throw shapeError(file, differing)
  if (report.loaded.length === 0) throw strangerError(file, own, weights)
  noGrad(() => {
    for (const [name] of report.loaded) {
      scope(() => {
        own[name]!.copy_(weights.get(name)!.restore())
      })
    }
  })
  return report
}

/** A tensor of the file that has not been made yet. */
interface StoredWeight {
  readonly shape: readonly number[]
  restore(): Tensor
}

type Weights = Map<string, StoredWeight>

/** The file's weights under the names they have in the model. */
function readWeights(model: SslModel, settings: WeightsInit): Weights {
  const { PARAMS_FILE: file, STATE_DICT_KEY_NAME: key } = settings
  const content = loadTorchFile(file)
  if (!key) return renamed(model, collect(content, file, 'its content'), settings)
  const inner = entry(content, key)
  if (inner === undefined) {
    const keys = isDict(content) ? dictEntries(content).map(([name]) => String(name)) : []
    throw new VisslError(
      ExitCode.data,
      `${file} has no key "${key}"; it has ${keys.length > 0 ? shorten(keys) : 'no keys at all'}`,
      'set config.MODEL.WEIGHTS_INIT.STATE_DICT_KEY_NAME to the key of the weights, or to nothing if the file is the weights',
    )
  }
  if (key !== 'classy_state_dict') return renamed(model, collect(inner, file, key), settings)
  const state = entry(entry(inner, 'base_model'), 'model')
  if (state === undefined) {
    throw new VisslError(
      ExitCode.data,
      `${file}: classy_state_dict holds no base_model.model`,
      'give a checkpoint of a whole model, or set config.MODEL.WEIGHTS_INIT.STATE_DICT_KEY_NAME',
    )
  }
  const extractor = model.trunk instanceof FeatureExtractor
  const result: Weights = new Map()
  for (const [name, weight] of collect(entry(state, 'trunk') ?? {}, file, 'the trunk')) {
    const bare = name.startsWith('base_model.') ? name.slice('base_model.'.length) : name
    result.set(`trunk.${extractor ? 'base_model.' : ''}${bare}`, weight)
  }
  for (const [name, weight] of collect(entry(state, 'heads') ?? {}, file, 'the heads'))
    result.set(`heads.${name}`, weight)
  return result
}

/** Applies the prefixes of the settings, and checks that the names then begin as the model's do. */
function renamed(model: SslModel, weights: Weights, settings: WeightsInit): Weights {
  const remove = settings.REMOVE_PREFIX ?? ''
  const append = settings.APPEND_PREFIX ?? ''
  const result: Weights = new Map()
  for (const [name, weight] of weights) {
    const bare = remove !== '' && name.startsWith(remove) ? name.slice(remove.length) : name
    result.set(append + bare, weight)
  }
  const roots = rootsOf(model)
  const strangers = [...result.keys()].filter(
    (name) => !roots.some((root) => name === root || name.startsWith(`${root}.`)),
  )
  if (strangers.length === 0) return result
  throw new VisslError(
    ExitCode.data,
    `${settings.PARAMS_FILE} holds names that are not the model's: ${shorten(strangers)}; ` +
      `the model's begin with ${roots.map((root) => `${root}.`).join(' or ')}`,
    adviceOn(model.stateDict(), weights),
  )
}

/** What the model's names begin with: `trunk._feature_blocks`, `heads`. */
function rootsOf(model: SslModel): string[] {
  const prefix = model.trunk instanceof FeatureExtractor ? 'trunk.base_model.' : 'trunk.'
  const names = Object.keys(model.trunk.stateDict('trunk'))
  const roots = names.map((name) => prefix + name.slice(prefix.length).split('.')[0])
  return [...new Set(roots), 'heads']
}

function collect(value: TorchValue, file: string, place: string): Weights {
  if (!isDict(value)) {
    throw new VisslError(
      ExitCode.data,
      value instanceof Placeholder
        ? `${file}: ${place} is an object of class ${value.className}, not a dictionary of weights`
        : `${file}: ${place} is no dictionary of weights`,
      'save model.state_dict() instead, or set config.MODEL.WEIGHTS_INIT.STATE_DICT_KEY_NAME',
    )
  }
  const result: Weights = new Map()
  for (const [key, item] of dictEntries(value)) {
    const name = String(key)
    if (item instanceof StoredTensor) {
      result.set(name, { shape: item.shape, restore: () => restoreTensor(item) })
      continue
    }
    const array = scope(() => tensorOfNumpy(item)?.shape)
    if (array === undefined) {
      throw new VisslError(
        ExitCode.data,
        `${file}: "${name}" in ${place} is no tensor`,
        'set config.MODEL.WEIGHTS_INIT.STATE_DICT_KEY_NAME to the key under which the weights are',
      )
    }
    result.set(name, { shape: array, restore: () => tensorOfNumpy(item)! })
  }
  return result
}

function entry(value: TorchValue | undefined, key: string): TorchValue | undefined {
  if (value === undefined || !isDict(value)) return undefined
  if (value instanceof Map) return value.get(key)
  return Object.hasOwn(value, key) ? value[key] : undefined
}

function shapeError(file: string, differing: readonly string[]): VisslError {
  return new VisslError(
    ExitCode.data,
    `${file} holds weights of other shapes: ${shorten(differing, '; ')}`,
    'configure the model as the one that wrote the file, or name these in config.MODEL.WEIGHTS_INIT.SKIP_LAYERS',
  )
}

function strangerError(file: string, own: Readonly<Record<string, Tensor>>, weights: Weights): VisslError {
  return new VisslError(
    ExitCode.data,
    `nothing in ${file} is loaded into the model. The file has ${shorten([...weights.keys()])}; ` +
      `the model has ${shorten(Object.keys(own))}`,
    adviceOn(own, weights),
  )
}

function adviceOn(own: Readonly<Record<string, Tensor>>, weights: Weights): string {
  const model = Object.entries(own).map(([name, { shape }]): NamedShape => [name, shape])
  const file = Array.from(weights, ([name, { shape }]): NamedShape => [name, shape])
  const found = findPrefixes(model, file)
  if (found === undefined || found.matches < model.length / 4 || found.remove + found.append === '') {
    return 'the file seems to be of another architecture: check config.MODEL.TRUNK'
  }
  const settings = [
    found.remove === '' ? '' : `config.MODEL.WEIGHTS_INIT.REMOVE_PREFIX=${found.remove}`,
    found.append === '' ? '' : `config.MODEL.WEIGHTS_INIT.APPEND_PREFIX=${found.append}`,
  ].filter((setting) => setting !== '')
  return `set ${settings.join(' ')}; then ${found.matches} of ${model.length} entries fit`
}

const sizes = (shape: readonly number[]): string => `[${shape.join(', ')}]`

function shorten(items: readonly string[], separator = ', '): string {
  const shown = items.slice(0, 6).join(separator)
  return items.length > 6 ? `${shown}${separator}and ${items.length - 6} more` : shown
}

/** The report in sentences, names shortened. */
export function describeWeights(report: WeightsReport): string {
  const { loaded, skipped, heads, missing, extra } = report
  const total = loaded.length + skipped.length + heads.length + missing.length
  const trunk = loaded.filter(([name]) => name.startsWith('trunk.')).length
  const lines = [
    `${report.file}: ${loaded.length} of ${total} entries loaded, ${trunk} in the trunk, ${loaded.length - trunk} in the heads`,
  ]
  const say = (what: string, names: readonly string[]) => {
    if (names.length > 0) lines.push(`  ${what} (${names.length}): ${shorten(names)}`)
  }
  say('not in the file, left as initialised', missing)
  say('left as initialised because of SKIP_LAYERS', skipped)
  say('heads of the file, not loaded where features are evaluated', heads)
  say('in the file alone', extra)
  return lines.join('\n')
}
