import { z } from 'zod'
import { regnetPresets, regnetShape } from '../../config/schema/trunks.ts'
import type { Tensor } from '../../engine/index.ts'
import { ExitCode, VisslError } from '../../errors.ts'
import { AdaptiveAvgPool2d, Flatten, Sequential, type TensorModule } from '../../nn/index.ts'
import { Trunk, trunks } from '../trunk.ts'
import { initConvNet } from './init.ts'
import { type ImageSettings, prepareInput, requireInput } from './input.ts'
import { regnetBlocks, roundHalfEven, Stem } from './regnet-blocks.ts'

const regnetParams = z.strictObject(regnetShape)

/** Parameters of {@link RegNet}. */
export type RegNetParams = z.output<typeof regnetParams>

/** The five numbers of the design space, and what a preset decides beside them. */
interface Design {
  readonly depth: number
  readonly w_0: number
  readonly w_a: number
  readonly w_m: number
  readonly group_width: number
  readonly use_se: boolean
}

/** Blocks of equal width. */
export interface RegNetStage {
  readonly width: number
  readonly depth: number
  readonly groupWidth: number
}

/**
 * RegNet (Radosavovic et al. 2020, arXiv:2003.13678): the widths of all blocks follow from a quantised line.
 *
 * Features: `conv1` (the stem), `res2`, `res3`, … (one for each stage, with stride 2 each), `avgpool`, `flatten`.
 */
export class RegNet extends Trunk {
  static readonly key = 'regnet'
  static readonly section = 'REGNET'
  static readonly params = regnetParams

  override readonly _feature_blocks: Sequential
  override readonly outChannels: number
  readonly #inputType: ImageSettings['INPUT_TYPE']

  constructor(params: RegNetParams, model: ImageSettings = { INPUT_TYPE: 'rgb' }) {
    super()
    requireInput(RegNet.key, model, 'rgb', 'bgr')
    this.#inputType = model.INPUT_TYPE
    const design = designOf(params)
    const norm = { eps: params.bn_epsilon, momentum: params.bn_momentum }
    const block = regnetBlocks[params.block_type]
    const blocks: Record<string, TensorModule> = {
      conv1: new Stem(params.stem_type, params.stem_width, norm),
    }
    let inChannels = params.stem_width
    for (const [i, { width, depth, groupWidth }] of regnetStages(design).entries()) {
      const stage: Record<string, TensorModule> = {}
      for (let j = 0; j < depth; j++) {
        const seRatio = design.use_se ? params.se_ratio : null
        const stride = j === 0 ? 2 : 1
        stage[`block${i + 1}-${j}`] = block({ inChannels, width, stride, groupWidth, seRatio, norm })
        inChannels = width
      }
      blocks[`res${i + 2}`] = new Sequential(stage)
    }
    blocks.avgpool = new AdaptiveAvgPool2d(1)
    blocks.flatten = new Flatten(1)
    this._feature_blocks = new Sequential(blocks)
    this.outChannels = inChannels
    initConvNet(this)
  }

  override prepare(images: Tensor): Tensor {
    return prepareInput(images, this.#inputType)
  }
}

/** The preset's numbers, or those given. @throws VisslError when some are missing or given beside a preset */
function designOf(params: RegNetParams): Design {
  const { name, depth, w_0, w_a, w_m, group_width, use_se } = params
  const numbers = { depth, w_0, w_a, w_m, group_width }
  if (name !== undefined) {
    const given = Object.entries(numbers).flatMap(([key, value]) => (value === undefined ? [] : [key]))
    if (given.length > 0) {
      throw new VisslError(
        ExitCode.usage,
        `REGNET.name is ${name}, which decides ${given.join(', ')} already`,
        'leave out either the name or these keys',
      )
    }
    return regnetPresets[name]
  }
  if (
    depth === undefined ||
    w_0 === undefined ||
    w_a === undefined ||
    w_m === undefined ||
    group_width === undefined
  ) {
    const missing = Object.entries(numbers).flatMap(([key, value]) => (value === undefined ? [key] : []))
    throw new VisslError(
      ExitCode.usage,
      `REGNET has no name, and ${missing.join(', ')} ${missing.length === 1 ? 'is' : 'are'} missing`,
      `set config.MODEL.TRUNK.TRUNK_PARAMS.REGNET.name to one of ${Object.keys(regnetPresets).join(', ')}`,
    )
  }
  return { depth, w_0, w_a, w_m, group_width, use_se }
}

/** Widths and depths of the stages that follow from the five numbers. */
export function regnetStages(design: Omit<Design, 'use_se'>): RegNetStage[] {
  const { depth, w_0, w_a, w_m, group_width } = design
  const widths = Array.from({ length: depth }, (_, j) => {
    const steps = roundHalfEven(Math.log((w_0 + w_a * j) / w_0) / Math.log(w_m))
    return roundHalfEven((w_0 * w_m ** steps) / 8) * 8
  })
  const stages: { width: number; depth: number }[] = []
  for (const width of widths) {
    const last = stages.at(-1)
    if (last?.width === width) last.depth++
    else stages.push({ width, depth: 1 })
  }
  return stages.map((stage) => {
    const groupWidth = Math.min(group_width, stage.width)
    return { depth: stage.depth, groupWidth, width: roundHalfEven(stage.width / groupWidth) * groupWidth }
  })
}

trunks.register(RegNet.key, RegNet)
