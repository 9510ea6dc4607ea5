import { dtypeBytes, noGrad, ops, scope, type Tensor } from '../engine/index.ts'
import type { ProcessGroup } from './process-group.ts'

/** How the processes of a group come to the same gradients. */
export interface GradientAveraging {
  /** Before the backward pass that completes the gradients of an update. */
  before(): void
  /** After it. */
  after(): void
}

/**
 * Averages gradients over a group.
 *
 * @param overlapped exchange buckets while the backward pass still runs: each parameter must take part in each pass,
 * once; otherwise all gradients are exchanged after it, and a parameter without one counts as zero in this process
 * @param bucketMiB size of a bucket
 */
export function averageGradients(
  group: ProcessGroup,
  parameters: readonly Tensor[],
  options: { overlapped: boolean; bucketMiB: number },
): GradientAveraging | undefined {
  if (group.size === 1 || parameters.length === 0) return undefined
  if (options.overlapped) {
    return { before: group.averageGradients(parameters, options.bucketMiB), after: () => {} }
  }
  const buckets = bucketsOf(parameters, options.bucketMiB * 1024 * 1024)
  return {
    before: () => {},
    after: () =>
      noGrad(() => {
        for (const bucket of buckets) exchange(group, bucket)
      }),
  }
}

/** Parameters in buckets of one dtype and at most so many bytes, unless a single one is larger. */
function bucketsOf(parameters: readonly Tensor[], bytes: number): Tensor[][] {
  const buckets: Tensor[][] = []
  let room = 0
  let dtype: string | undefined
  for (const parameter of parameters) {
    const size = parameter.numel * dtypeBytes[parameter.dtype]
    if (size > room || parameter.dtype !== dtype) {
      buckets.push([])
      room = bytes
      dtype = parameter.dtype
    }
    buckets.at(-1)!.push(parameter)
    room -= size
  }
  return buckets
}

function exchange(group: ProcessGroup, bucket: readonly Tensor[]): void {
  scope(() => {
    const gradients = bucket.map((parameter) => parameter.grad ?? ops.zeros_like(parameter))
    const flat = ops.cat(
      gradients.map((gradient) => gradient.reshape([-1])),
      0,
    )
    group.allReduce(flat, 'mean')
    let at = 0
    for (const [i, parameter] of bucket.entries()) {
      const mean = flat.narrow(0, at, parameter.numel).reshape(parameter.shape)
      at += parameter.numel
      if (parameter.grad === null) parameter.grad = mean.clone()
      else gradients[i]!.copy_(mean)
    }
  })
}
