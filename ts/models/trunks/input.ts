import type { Tensor } from '../../engine/index.ts'
import { ExitCode, VisslError } from '../../errors.ts'
import { newTensor, shapesOnly } from '../../nn/index.ts'
import type { ModelParams } from '../params.ts'

/** What trunks need to know of the images they are given. */
export type ImageSettings = Pick<ModelParams, 'INPUT_TYPE'>

/** Channels that a trunk's first convolution sees. */
export function inputChannels(type: ModelParams['INPUT_TYPE']): number {
  return type === 'lab' ? 1 : 3
}

/** Turns N×3×H×W images into what the trunk expects: `bgr` reverses the channels, `lab` keeps the first. */
export function prepareInput(input: Tensor, type: ModelParams['INPUT_TYPE']): Tensor {
  switch (type) {
    case 'rgb':
      return input
    case 'bgr':
      return shapesOnly() ? newTensor(input.shape) : input.flip([1])
    case 'lab':
      return input.narrow(1, 0, 1)
  }
}

/** @throws VisslError when the trunk is not made for such images */
export function requireInput(trunk: string, { INPUT_TYPE }: ImageSettings, ...types: string[]): void {
  if (types.includes(INPUT_TYPE)) return
  throw new VisslError(
    ExitCode.usage,
    `trunk "${trunk}" takes ${types.join(' or ')} images, and config.MODEL.INPUT_TYPE is ${INPUT_TYPE}`,
    `set config.MODEL.INPUT_TYPE=${types[0]}, or use another trunk`,
  )
}
