import type { Mistake } from './mistake.ts'
import { type Origin, originOf, placeOf } from './origins.ts'
import type { Config } from './schema/index.ts'

/**
 * What is wrong between keys that are each valid: lists of different lengths, heads without an input.
 */
export function relationMistakes(config: Config, origins: ReadonlyMap<string, Origin>): Mistake[] {
  const mistakes: Mistake[] = []
  const wrong = (key: string, problem: string, fix: string): void => {
    const full = `config.${key}`
    const origin = originOf(origins, full)
    const place = origin.kind === 'default' ? '' : `${placeOf(origin, full)}  `
    mistakes.push({ message: `${place}${full} ${problem}`, fix })
  }
  if (!config.TEST_ONLY) dataLengths(config, 'TRAIN', wrong)
  if (config.TEST_MODEL) dataLengths(config, 'TEST', wrong)
  inputsOfHeads(config, wrong)
  return mistakes
}

type Wrong = (key: string, problem: string, fix: string) => void

function dataLengths(config: Config, split: 'TRAIN' | 'TEST', wrong: Wrong): void {
  const { DATA_SOURCES: sources, DATASET_NAMES: names, DATA_PATHS: paths } = config.DATA[split]
  if (sources.length === 0) return
  const given = `config.DATA.${split}.DATA_SOURCES has ${sources.length}`
  if (names.length !== sources.length)
    wrong(
      `DATA.${split}.DATASET_NAMES`,
      `has ${names.length} names, and ${given}`,
      'give one name for each source',
    )
  if (paths.length > 0 && paths.length !== sources.length)
    wrong(
      `DATA.${split}.DATA_PATHS`,
      `has ${paths.length} paths, and ${given}`,
      'give one path for each source',
    )
}

function inputsOfHeads({ MODEL }: Config, wrong: Wrong): void {
  const { MULTI_INPUT_HEAD_MAPPING: mapping, HEAD } = MODEL
  if (mapping.length === 0) return
  if (mapping.length !== HEAD.PARAMS.length) {
    wrong(
      'MODEL.MULTI_INPUT_HEAD_MAPPING',
      `has ${mapping.length} inputs, and config.MODEL.HEAD.PARAMS has ${HEAD.PARAMS.length} heads`,
      'give one input for each head',
    )
  }
  const keys = mapping.map(([key]) => key)
  const twice = keys.find((key, i) => keys.indexOf(key) !== i)
  if (twice !== undefined) {
    wrong('MODEL.MULTI_INPUT_HEAD_MAPPING', `names the input ${twice} twice`, 'name each input once')
  }
}
