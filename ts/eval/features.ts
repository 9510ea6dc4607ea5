import { setImmediate as yieldToEvents } from 'node:timers/promises'
import type { Loader } from '../data/index.ts'
import { noGrad, ops, scope, type Tensor } from '../engine/index.ts'
import { ExitCode, VisslError } from '../errors.ts'
import type { LabelledFeatures } from './knn.ts'

/**
 * Passes a split through `embed` without gradients.
 *
 * @param embed images to features, flattened where they have more than two dimensions; null: there are none to be had
 * @param isStopped asked after every batch; true ends the pass
 * @returns features N×D and labels N, which the caller frees; null when stopped, or when `embed` gave none
 */
export async function collectFeatures(
  loader: Loader,
  embed: (images: Tensor) => Tensor | null,
  isStopped: () => boolean = () => false,
): Promise<LabelledFeatures | null> {
  const features: Tensor[] = []
  const labels: Tensor[] = []
  try {
    for await (const batch of loader.epoch(0, 0)) {
      const pair = noGrad(() =>
        scope(() => {
          const { input, target } = batch.tensors()
          const feature = embed(input)
          // A clone, since a view of the input would keep the whole batch.
          return feature === null
            ? null
            : ([feature.flatten(1).to('float32').clone(), target.clone()] as const)
        }),
      )
      if (pair === null || isStopped()) {
        for (const tensor of pair ?? []) tensor.free()
        return null
      }
      features.push(pair[0])
      labels.push(pair[1])
      await yieldToEvents()
    }
    if (features.length === 0) {
      throw new VisslError(
        ExitCode.data,
        'there are no images to evaluate on',
        'check DATA.TRAIN and DATA.TEST',
      )
    }
    return { features: ops.cat(features, 0), labels: ops.cat(labels, 0) }
  } finally {
    for (const tensor of [...features, ...labels]) tensor.free()
  }
}
