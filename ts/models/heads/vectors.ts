import type { Tensor } from '../../engine/index.ts'
import { ExitCode, VisslError } from '../../errors.ts'
import type { HeadInput } from '../head.ts'

/** The one tensor that a head is given, alone or in a list. @throws VisslError for a longer list */
export function single(input: HeadInput, head: string): Tensor {
  if (!Array.isArray(input)) return input as Tensor
  if (input.length !== 1) {
    throw new VisslError(
      ExitCode.usage,
      `the ${head} head takes one tensor, got a list of ${input.length}`,
      'give each feature a head of its own',
    )
  }
  return input[0] as Tensor
}

/**
 * N×C×1×1, with ones in any number and place, as N×C. The batch dimension stays, whatever its size.
 *
 * @throws VisslError when more than two dimensions are larger than 1
 */
export function vectors(input: HeadInput, head: string): Tensor {
  const x = single(input, head)
  const { shape } = x
  if (shape.length === 2) return x
  if (shape.length < 2 || shape.slice(1).filter((size) => size !== 1).length > 1) {
    throw new VisslError(
      ExitCode.usage,
      `the ${head} head takes N×C or N×C×1×1, got ${shape.join('×')}`,
      'pool the feature first, or use the feature "flatten"',
    )
  }
  return x.flatten(1)
}

/** @throws VisslError when the vectors are not `width` long */
export function requireWidth(x: Tensor, width: number, head: string): void {
  const got = x.shape[1]!
  if (got === width) return
  throw new VisslError(
    ExitCode.usage,
    `an ${head} head takes ${width} features, but what comes before it gives ${got}`,
    `make the first of its dims ${got} in config.MODEL.HEAD.PARAMS`,
  )
}
