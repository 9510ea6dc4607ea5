import { autocast, type DType } from '../engine/index.ts'
import { didYouMean, ExitCode, VisslError } from '../errors.ts'

/** `MODEL.AMP_PARAMS`, as far as it is read. */
export interface AmpParams {
  readonly USE_AMP: boolean
  readonly AMP_TYPE: string
  readonly AMP_ARGS: { readonly opt_level: string }
}

/** In which precision forward and loss run. */
export interface Precision {
  readonly dtype: 'float32' | 'float16' | 'bfloat16'
  /** Whether gradients are scaled so that they survive float16. */
  readonly scaled: boolean
  /** Runs forward or loss. */
  readonly run: <T>(work: () => T) => T
}

const kinds = ['apex', 'pytorch', 'bfloat16'] as const
const levels = ['O0', 'O1', 'O2', 'O3'] as const

/**
 * The precision that the configuration asks for. Apex's levels mean what is nearest to them:
 *
 * | AMP_TYPE | opt_level | forward and loss | scaled |
 * | --- | --- | --- | --- |
 * | apex | O0 | float32 | no |
 * | apex | O1, O2, O3 | autocast to float16 | yes |
 * | pytorch | | autocast to float16 | yes |
 * | bfloat16 | | autocast to bfloat16 | no |
 *
 * Parameters stay float32 throughout.
 *
 * @throws VisslError for an unknown type or level
 */
export function precisionOf(params: AmpParams, device: 'cpu' | 'cuda'): Precision {
  if (!params.USE_AMP) return plain
  const type = known('AMP_TYPE', params.AMP_TYPE, kinds)
  if (type === 'apex' && known('AMP_ARGS.opt_level', params.AMP_ARGS.opt_level, levels) === 'O0') return plain
  const dtype = (type === 'bfloat16' ? 'bfloat16' : 'float16') satisfies DType
  return { dtype, scaled: dtype === 'float16', run: (work) => autocast(device, dtype, work) }
}

const plain: Precision = { dtype: 'float32', scaled: false, run: (work) => work() }

function known<T extends string>(key: string, value: string, choices: readonly T[]): T {
  const found = choices.find((choice) => choice === value)
  if (found !== undefined) return found
  const near = didYouMean(value, choices)
  throw new VisslError(
    ExitCode.usage,
    `config.MODEL.AMP_PARAMS.${key} is "${value}"`,
    near.length > 0 ? `did you mean ${near.join(' or ')}?` : `one of: ${choices.join(', ')}`,
  )
}
