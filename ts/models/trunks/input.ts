import type { Tensor } from '../../engine/index.ts'
import type { ModelParams } from '../params.ts'

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
      return input.flip([1])
    case 'lab':
      return input.narrow(1, 0, 1)
  }
}
